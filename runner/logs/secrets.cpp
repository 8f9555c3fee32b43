#include "jobinit/logs/secrets.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

#include "secret_forms.hpp"

namespace jobinit::logs {
namespace {

constexpr std::size_t kLongestStride = 16;
constexpr unsigned kFewestFilterBits = 12;  // as powers of two
constexpr unsigned kMostFilterBits = 18;    // 32 KiB: what stays in a first-level cache
constexpr unsigned kFilterBitsAnEntry = 5;  // 32 bits an entry: one place in 32 is looked at twice for nothing

bool bit(std::span<const std::uint64_t> bits, std::uint32_t index) {
  return (bits[index / 64] >> (index % 64) & 1U) != 0;
}
void set_bit(std::span<std::uint64_t> bits, std::uint32_t index) {
  bits[index / 64] |= std::uint64_t{1} << (index % 64);
}

}  // namespace

bool Secrets::long_enough(std::string_view secret) { return bare_secret(secret).size() >= kShortestSecret; }

std::shared_ptr<const Secrets> Secrets::make(std::span<const std::string> secrets) {
  std::vector<std::string> pieces;
  for (const std::string& secret : secrets) {
    if (long_enough(secret)) {
      add_secret_forms(bare_secret(secret), kShortestSecret, kLongestPiece, pieces);
    }
  }
  if (pieces.empty()) {
    return nullptr;
  }
  std::sort(pieces.begin(), pieces.end());
  pieces.erase(std::unique(pieces.begin(), pieces.end()), pieces.end());
  return std::shared_ptr<const Secrets>(new Secrets(std::move(pieces)));
}

Secrets::Secrets(std::vector<std::string> pieces) : pieces_(std::move(pieces)) {
  const auto by_size = [](const std::string& a, const std::string& b) { return a.size() < b.size(); };
  const auto [least, most] = std::minmax_element(pieces_.begin(), pieces_.end(), by_size);
  shortest_ = least->size();
  longest_ = most->size();
  // Three bytes where the shortest piece has no room for a stride otherwise.
  gram_size_ = shortest_ > 5 ? 4 : 3;
  constexpr std::array<char, 4> three{'\xFF', '\xFF', '\xFF', '\0'};
  gram_mask_ = gram_size_ == 4 ? ~0U : std::bit_cast<std::uint32_t>(three);
  stride_ = std::min(shortest_ - gram_size_ + 1, kLongestStride);

  const std::size_t entries = pieces_.size() * stride_;
  const unsigned filter_bits = std::clamp(static_cast<unsigned>(std::bit_width(entries)) + kFilterBitsAnEntry,
                                          kFewestFilterBits, kMostFilterBits);
  filter_shift_ = 32 - filter_bits;
  filter_.resize((std::size_t{1} << filter_bits) / 64);
  begins_.resize(filter_.size());
  const unsigned bucket_bits = std::max(1U, static_cast<unsigned>(std::bit_width(entries)));
  bucket_shift_ = 32 - bucket_bits;
  buckets_.resize((std::size_t{1} << bucket_bits) + 1);
  entries_.resize(entries);

  // Counted, then placed: the entries of a hash lie side by side.
  const auto each = [&](auto visit) {
    for (std::size_t piece = 0; piece < pieces_.size(); ++piece) {
      for (std::size_t offset = 0; offset < stride_; ++offset) {
        std::array<char, 4> bytes{};
        std::memcpy(bytes.data(), pieces_[piece].data() + offset, gram_size_);
        visit(hash(gram(bytes.data())), Entry{static_cast<std::uint32_t>(piece), static_cast<std::uint32_t>(offset)});
      }
    }
  };
  each([&](std::uint32_t hash, const Entry& entry) {
    set_bit(filter_, hash >> filter_shift_);
    if (entry.offset == 0) {
      set_bit(begins_, hash >> filter_shift_);
    }
    ++buckets_[(hash >> bucket_shift_) + 1];
  });
  for (std::size_t i = 1; i < buckets_.size(); ++i) {
    buckets_[i] += buckets_[i - 1];
  }
  std::vector<std::uint32_t> next(buckets_.begin(), buckets_.end() - 1);
  each([&](std::uint32_t hash, const Entry& entry) { entries_[next[hash >> bucket_shift_]++] = entry; });
}

std::uint32_t Secrets::gram(const char* at) const {
  std::uint32_t bytes = 0;
  std::memcpy(&bytes, at, sizeof bytes);
  return bytes & gram_mask_;
}

bool Secrets::may_hold(std::uint32_t hash) const { return bit(filter_, hash >> filter_shift_); }
bool Secrets::may_begin(std::uint32_t hash) const { return bit(begins_, hash >> filter_shift_); }

std::size_t Secrets::next_candidate(std::string_view text, std::size_t from) const {
  const char* const data = text.data();
  const std::size_t stride = stride_;
  const auto candidate = [&](std::size_t at) { return may_hold(hash(gram(data + at))); };
  // Four at a time: the loads do not wait for one another.
  for (; from + 3 * stride + sizeof(std::uint32_t) <= text.size(); from += 4 * stride) {
    const bool first = candidate(from);
    const bool second = candidate(from + stride);
    const bool third = candidate(from + 2 * stride);
    const bool fourth = candidate(from + 3 * stride);
    if (static_cast<unsigned>(first) | static_cast<unsigned>(second) | static_cast<unsigned>(third) |
        static_cast<unsigned>(fourth)) {
      return first ? from : second ? from + stride : third ? from + 2 * stride : from + 3 * stride;
    }
  }
  for (; from + gram_size_ <= text.size(); from += stride) {
    std::array<char, 4> bytes{};
    std::memcpy(bytes.data(), data + from, gram_size_);
    if (may_hold(hash(gram(bytes.data())))) {
      return from;
    }
  }
  return text.size();
}

Range Secrets::around(std::string_view text, std::size_t at) const {
  std::array<char, 4> bytes{};
  std::memcpy(bytes.data(), text.data() + at, gram_size_);
  const std::uint32_t bucket = hash(gram(bytes.data())) >> bucket_shift_;
  Range all{at, at};
  for (std::uint32_t i = buckets_[bucket]; i < buckets_[bucket + 1]; ++i) {
    const Entry& entry = entries_[i];
    if (entry.offset > at) {
      continue;
    }
    const std::string& piece = pieces_[entry.piece];
    const std::size_t begin = at - entry.offset;
    if (text.size() - begin >= piece.size() && std::memcmp(text.data() + begin, piece.data(), piece.size()) == 0) {
      all.begin = std::min(all.begin, begin);
      all.end = std::max(all.end, begin + piece.size());
    }
  }
  return all;
}

template <typename Found>
void Secrets::each_run(std::string_view text, Found found) const {
  // What is found at a place begins behind the place before, so that runs are met in their order. A run is only told
  // when no other can touch it any more: `found` may write over what it was told of.
  Range run{};
  for (std::size_t at = next_candidate(text, 0); at < text.size(); at = next_candidate(text, at + stride_)) {
    const Range more = around(text, at);
    if (more.begin == more.end) {
      continue;
    }
    if (run.end > 0 && more.begin > run.end) {
      found(run.begin, run.end);
      run = {};
    }
    run = {run.end > 0 ? run.begin : more.begin, std::max(run.end, more.end)};
  }
  if (run.end > 0) {
    found(run.begin, run.end);
  }
}

bool Secrets::is_beginning(std::string_view text) const {
  const auto first = std::lower_bound(pieces_.begin(), pieces_.end(), text);
  // Behind the text itself, should it be a piece, come those that go on from it.
  const auto longer = first != pieces_.end() && *first == text ? first + 1 : first;
  return longer != pieces_.end() && longer->starts_with(text);
}

std::size_t Secrets::unfinished(std::string_view text) const {
  std::size_t at = text.size() - std::min(text.size(), longest_ - 1);
  for (; at + sizeof(std::uint32_t) <= text.size(); ++at) {
    if (may_begin(hash(gram(text.data() + at))) && is_beginning(text.substr(at))) {
      return at;
    }
  }
  for (; at < text.size(); ++at) {
    if (is_beginning(text.substr(at))) {
      break;
    }
  }
  return at;
}

std::string Secrets::mask(std::string_view text) const {
  std::string masked;
  std::size_t copied = 0;
  each_run(text, [&](std::size_t begin, std::size_t end) {
    masked.append(text.substr(copied, begin - copied)).append(kMask);
    copied = end;
  });
  return masked.append(text.substr(copied));
}

SecretMasker::SecretMasker(std::shared_ptr<const Secrets> secrets) : secrets_(std::move(secrets)) {}

Transform::Step SecretMasker::step(std::span<const char> input, std::span<char> out, const Instant& /*now*/,
                                   bool last) {
  const std::size_t taken = std::min(input.size(), out.size() - held_size_);
  const bool finished = last && taken == input.size();
  if (taken == 0 && !finished) {
    return {};
  }
  // It is masked where it goes to: a mask is shorter than what it stands for.
  char* const bytes = out.data();
  std::memcpy(bytes, held_.data(), held_size_);
  if (taken > 0) {
    std::memcpy(bytes + held_size_, input.data(), taken);
  }
  const std::string_view text(bytes, held_size_ + taken);
  const std::size_t beginning = secrets_->unfinished(text);
  const std::size_t end = finished ? text.size() : beginning;  // of what is made now
  // What would have become a secret is one.
  const std::size_t cut_off = finished && text.size() - beginning >= kShortestSecret ? beginning : text.size();
  held_size_ = text.size() - end;
  if (held_size_ > 0) {
    std::memcpy(held_.data(), bytes + end, held_size_);
  }

  std::size_t done = held_covered_;
  std::size_t made = 0;
  const auto pass_on = [&](std::size_t upto) {
    if (upto > done) {
      std::memmove(bytes + made, bytes + done, upto - done);
      made += upto - done;
      done = upto;
      in_secret_ = false;
    }
  };
  const auto cover = [&](std::size_t from, std::size_t upto) {
    pass_on(from);
    if (!in_secret_) {
      std::memcpy(bytes + made, kMask.data(), kMask.size());
      made += kMask.size();
      in_secret_ = true;
    }
    done = std::max(done, upto);
  };
  secrets_->each_run(text, [&](std::size_t from, std::size_t upto) {
    if (from >= std::min(end, cut_off)) {
      return;  // met again when it is not held back any more, or part of what was cut off
    }
    cover(from, upto);
  });
  if (cut_off < text.size()) {
    cover(cut_off, text.size());
  }
  pass_on(end);
  held_covered_ = done - end;
  return {taken, made, {}};
}

}  // namespace jobinit::logs
