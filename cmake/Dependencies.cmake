# Where the libraries come from. Header-only ones and c-ares are Debian's packages; OpenSSL, libcurl and prometheus-cpp are
# built static and minimal by scripts/deps, which is asked for its folder here.
set(JOBINIT_DEPS_DIR "" CACHE PATH "Folder that holds static OpenSSL, libcurl and prometheus-cpp; empty: scripts/deps' own")
# A changed recipe is a changed folder: look again, and forget where it was.
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS scripts/deps)
unset(prometheus-cpp_DIR CACHE)
if(NOT JOBINIT_DEPS_DIR)
  execute_process(COMMAND "${CMAKE_CURRENT_SOURCE_DIR}/scripts/deps" --prefix
                  OUTPUT_VARIABLE JOBINIT_DEPS_DIR OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
endif()
if(NOT EXISTS "${JOBINIT_DEPS_DIR}/lib/libcurl.a")
  message(FATAL_ERROR "No libraries in ${JOBINIT_DEPS_DIR}: run scripts/deps (or scripts/build, which does), "
                      "or set JOBINIT_DEPS_DIR to a folder that holds them")
endif()

find_package(fmt REQUIRED)
find_package(nlohmann_json 3.11 REQUIRED)
find_package(prometheus-cpp CONFIG REQUIRED COMPONENTS core PATHS "${JOBINIT_DEPS_DIR}" NO_DEFAULT_PATH)
find_path(BOOST_PROCESS_V2 boost/process/v2/posix/default_launcher.hpp REQUIRED)
find_library(RE2_LIBRARY NAMES libre2.a REQUIRED)
find_library(CARES_LIBRARY NAMES libcares.a REQUIRED)

# One thread runs the loop: asio's locks are compiled out.
add_library(jobinit_asio INTERFACE)
target_compile_definitions(jobinit_asio INTERFACE
  BOOST_ASIO_DISABLE_THREADS BOOST_ASIO_NO_DEPRECATED BOOST_PROCESS_V2_SEPARATE_COMPILATION)
target_include_directories(jobinit_asio SYSTEM INTERFACE "${BOOST_PROCESS_V2}")

# Regular expressions in linear time. Debian's header needs nothing else (no Abseil before 2023).
add_library(jobinit_re2 INTERFACE)
target_link_libraries(jobinit_re2 INTERFACE "${RE2_LIBRARY}")

add_library(jobinit_curl INTERFACE)
target_include_directories(jobinit_curl SYSTEM INTERFACE "${JOBINIT_DEPS_DIR}/include")
target_compile_definitions(jobinit_curl INTERFACE CURL_STATICLIB)
target_link_libraries(jobinit_curl INTERFACE
  "${JOBINIT_DEPS_DIR}/lib/libcurl.a" "${JOBINIT_DEPS_DIR}/lib/libssl.a" "${JOBINIT_DEPS_DIR}/lib/libcrypto.a" "${CARES_LIBRARY}")

if(NOT EXISTS "${JOBINIT_CA_BUNDLE}")
  message(FATAL_ERROR "No CA bundle at ${JOBINIT_CA_BUNDLE}: install ca-certificates, or set JOBINIT_CA_BUNDLE")
endif()
