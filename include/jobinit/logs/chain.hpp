// Two transforms, one behind the other, as one.
#pragma once

#include <memory>

#include "jobinit/kernel/pages.hpp"
#include "jobinit/logs/encoder.hpp"

namespace jobinit::logs {

class Chain final : public Transform {
 public:
  Chain(std::unique_ptr<Transform> first, std::unique_ptr<Transform> second);
  Step step(std::span<const char> input, std::span<char> out, const Instant& now, bool last) override;

 private:
  std::unique_ptr<Transform> first_;
  std::unique_ptr<Transform> second_;
  kernel::Pages between_;  // made by the first, not yet taken by the second
  std::size_t from_ = 0;
  std::size_t to_ = 0;
  bool first_done_ = false;  // nothing more will come of it
};

// The first behind the second; where one is null, the other.
std::unique_ptr<Transform> chain(std::unique_ptr<Transform> first, std::unique_ptr<Transform> second);

}  // namespace jobinit::logs
