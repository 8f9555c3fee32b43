// Sixteen bytes looked at in one go, by the compiler's vectors: SSE2 on amd64, NEON on arm64, plain words elsewhere.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#if defined(__aarch64__)
#include <arm_neon.h>
#endif

namespace jobinit::logs {

constexpr std::size_t kBlock = 16;
using Block = unsigned char __attribute__((vector_size(kBlock)));
// Of a comparison: 0xFF where it holds, else 0.
using BlockMask = signed char __attribute__((vector_size(kBlock)));

inline Block load_block(const char* from) {
  Block block;
  std::memcpy(&block, from, kBlock);
  return block;
}

inline void store_block(Block block, char* to) { std::memcpy(to, &block, kBlock); }

namespace detail {

template <typename Word>
std::uint64_t load_word(const char* from) {
  Word word{};
  std::memcpy(&word, from, sizeof word);
  return word;
}

}  // namespace detail

// The first `size` bytes (below 16), zeros after them; nothing beyond them is read.
inline Block load_partial_block(const char* from, std::size_t size) {
  if constexpr (std::endian::native != std::endian::little) {
    Block block{};
    std::memcpy(&block, from, size);
    return block;
  }
  // Two loads that overlap, the second shifted to where it belongs: a memcpy of unknown length costs as much as a
  // block.
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  if (size > 8) {
    low = detail::load_word<std::uint64_t>(from);
    high = detail::load_word<std::uint64_t>(from + size - 8) >> (8 * (16 - size));
  } else if (size == 8) {
    low = detail::load_word<std::uint64_t>(from);
  } else if (size >= 4) {
    low = detail::load_word<std::uint32_t>(from) | detail::load_word<std::uint32_t>(from + size - 4)
                                                       << (8 * (size - 4));
  } else if (size > 0) {
    low = detail::load_word<std::uint8_t>(from) | detail::load_word<std::uint8_t>(from + size / 2) << (8 * (size / 2)) |
          detail::load_word<std::uint8_t>(from + size - 1) << (8 * (size - 1));
  }
  using Words = std::uint64_t __attribute__((vector_size(kBlock)));
  return reinterpret_cast<Block>(Words{low, high});
}

// Which bytes the mask holds for: 0 for none, else for first_in(), which gives the first.
#if defined(__SSE2__)
inline std::uint64_t bits_of(BlockMask mask) {
  using Chars = char __attribute__((vector_size(kBlock)));
  return static_cast<unsigned>(__builtin_ia32_pmovmskb128(reinterpret_cast<Chars>(mask)));
}
inline std::size_t first_in(std::uint64_t bits) { return static_cast<std::size_t>(std::countr_zero(bits)); }
#elif defined(__aarch64__)
// Four bits a byte: there is no instruction for one (each 16-bit lane is shifted and narrowed to 8 bits).
inline std::uint64_t bits_of(BlockMask mask) {
  return vget_lane_u64(vreinterpret_u64_u8(vshrn_n_u16(reinterpret_cast<uint16x8_t>(mask), 4)), 0);
}
inline std::size_t first_in(std::uint64_t bits) { return static_cast<std::size_t>(std::countr_zero(bits)) / 4; }
#else
inline std::uint64_t bits_of(BlockMask mask) {
  std::uint64_t bits = 0;
  for (std::size_t i = 0; i < kBlock; ++i) {
    bits |= static_cast<std::uint64_t>(mask[i] != 0) << i;
  }
  return bits;
}
inline std::size_t first_in(std::uint64_t bits) { return static_cast<std::size_t>(std::countr_zero(bits)); }
#endif

}  // namespace jobinit::logs
