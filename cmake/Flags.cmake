# Warnings, hardening, sanitizers: one place.
add_library(jobinit_flags INTERFACE)
target_compile_options(jobinit_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wcast-qual -Wformat=2 -Wnon-virtual-dtor
  -Woverloaded-virtual -Wswitch-enum -Werror
  -fstack-protector-strong -ffunction-sections -fdata-sections -fvisibility=hidden)

add_library(jobinit_link_flags INTERFACE)
target_link_options(jobinit_link_flags INTERFACE -Wl,--gc-sections -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--fatal-warnings)

set(CMAKE_POSITION_INDEPENDENT_CODE ON)
# An init sleeps: fewer pages beat faster loops.
set(CMAKE_CXX_FLAGS_RELEASE "-Os -DNDEBUG")
# Enough for a stack trace, and half the time to build.
if(JOBINIT_FUZZ)
  set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O1 -gline-tables-only")
elseif(JOBINIT_SANITIZE)
  set(CMAKE_CXX_FLAGS_RELWITHDEBINFO "-O0 -g1")
endif()
if(JOBINIT_SANITIZE)
  target_compile_options(jobinit_flags INTERFACE "-fsanitize=${JOBINIT_SANITIZE}" -fno-sanitize-recover=all
                                                 -fno-omit-frame-pointer)
  target_link_options(jobinit_flags INTERFACE "-fsanitize=${JOBINIT_SANITIZE}")
  # The interceptors make GCC's flow analysis see uninitialised values where there are none; clang has no such warning.
  target_compile_options(jobinit_flags INTERFACE "$<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>")
else()
  target_compile_options(jobinit_flags INTERFACE -U_FORTIFY_SOURCE "$<$<NOT:$<CONFIG:Debug>>:-D_FORTIFY_SOURCE=3>")
endif()
if(JOBINIT_STATIC)
  # RELR packs the relative relocations of a static PIE into a twentieth of their size.
  target_link_options(jobinit_link_flags INTERFACE -static-pie -Wl,-z,pack-relative-relocs)
endif()
if(CMAKE_BUILD_TYPE STREQUAL "Release")
  target_link_options(jobinit_link_flags INTERFACE -s)
endif()
if(JOBINIT_TIDY)
  find_program(CLANG_TIDY clang-tidy REQUIRED)
  set(CMAKE_CXX_CLANG_TIDY "${CLANG_TIDY};--quiet;--extra-arg=-Wno-unknown-warning-option")
endif()
