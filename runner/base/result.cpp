#include "jobinit/base/result.hpp"

#include <cstring>

namespace jobinit {

Error system_error(int err, std::string_view what) {
  const char* text = strerrordesc_np(err);  // strerror(3): unlike strerror(), no locale and no shared buffer
  return Error{fmt::format("{}: {}", what, text != nullptr ? text : "unknown error"), err};
}

}  // namespace jobinit
