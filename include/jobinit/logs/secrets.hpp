// Secret values, and a filter that keeps them out of a stream. Pure; one pass for all secrets, whatever their number.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "jobinit/logs/encoder.hpp"
#include "jobinit/logs/pattern.hpp"

namespace jobinit::logs {

constexpr std::string_view kMask = "***";
// A shorter secret is not masked: it would be found in every other word, and masking would tell it more than hide it.
constexpr std::size_t kShortestSecret = 4;
// What is longer is sought for in pieces of this size; a stream never holds more back.
constexpr std::size_t kLongestPiece = 1024;

// All the texts that the secrets may appear as, prepared for looking for them. Immutable.
class Secrets {
 public:
  // Each secret (without the blanks at its ends) as it is; its lines of at least 8 bytes, if it has several; as it is
  // inside a JSON string; percent-encoded as in URLs and forms; in base64 (RFC 4648, both alphabets), also as part of
  // something longer that was encoded. Null when there is nothing to look for.
  static std::shared_ptr<const Secrets> make(std::span<const std::string> secrets);
  // Whether make() takes it at all.
  static bool long_enough(std::string_view secret);

  // In the order of the bytes, no two alike.
  std::span<const std::string> pieces() const { return pieces_; }
  std::size_t longest() const { return longest_; }

  // The text with every byte that belongs to a secret taken out; "***" stands for each run of such bytes.
  std::string mask(std::string_view text) const;

 private:
  friend class SecretMasker;
  explicit Secrets(std::vector<std::string> pieces);

  // Looking: of any `stride_` places in a row, one is looked at, as a few bytes ("gram"). Every piece has the grams of
  // its first `stride_` places in the table, so that it is met at one of them, wherever it is.
  struct Entry {
    std::uint32_t piece;
    std::uint32_t offset;  // of the gram in the piece
  };
  std::uint32_t gram(const char* at) const;
  static std::uint32_t hash(std::uint32_t gram) { return gram * 0x9E3779B1U; }
  bool may_hold(std::uint32_t hash) const;
  bool may_begin(std::uint32_t hash) const;
  // Where a gram may be part of a piece, at or behind `from`; text.size() when nowhere.
  std::size_t next_candidate(std::string_view text, std::size_t from) const;
  // All pieces of which the gram at `at` is a part, as one run of bytes, since they overlap there; empty if there is
  // none.
  Range around(std::string_view text, std::size_t at) const;
  // Calls found(begin, end) for each run of bytes that belong to pieces, in their order.
  template <typename Found>
  void each_run(std::string_view text, Found found) const;
  // Where the text's end may be the beginning of a piece that goes on; text.size() when it cannot.
  std::size_t unfinished(std::string_view text) const;
  bool is_beginning(std::string_view text) const;

  std::vector<std::string> pieces_;
  std::size_t longest_ = 0;
  std::size_t shortest_ = 0;
  std::uint32_t gram_mask_ = 0;  // of four bytes in memory's order
  std::size_t gram_size_ = 0;
  std::size_t stride_ = 1;
  unsigned filter_shift_ = 0;
  std::vector<std::uint64_t> filter_;  // a bit a hash: some piece has such a gram
  std::vector<std::uint64_t> begins_;  // a bit a hash: some piece begins with such a gram
  unsigned bucket_shift_ = 0;
  std::vector<std::uint32_t> buckets_;  // where a hash's entries begin
  std::vector<Entry> entries_;
};

// Takes secrets out of a stream, also where reads have cut them. What could be the beginning of one waits for the next
// byte or the end, without a time limit: a secret written in two halves is masked too. At the end, a beginning of at
// least kShortestSecret bytes is masked as well.
class SecretMasker final : public Transform {
 public:
  explicit SecretMasker(std::shared_ptr<const Secrets> secrets);
  Step step(std::span<const char> input, std::span<char> out, const Instant& now, bool last) override;

 private:
  std::shared_ptr<const Secrets> secrets_;
  std::array<char, kLongestPiece> held_{};
  std::size_t held_size_ = 0;
  std::size_t held_covered_ = 0;  // of the held bytes, from the front: known to belong to a secret
  bool in_secret_ = false;        // what was made last was the mask of a secret that may go on
};

}  // namespace jobinit::logs
