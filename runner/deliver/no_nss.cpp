// A static program must not look anything up through glibc's name service switch: that would dlopen() libraries of the
// image's own glibc, if it has one at all. Names are resolved by c-ares, numbers and settings are all we are given
// otherwise. c-ares still refers to these two, to turn service names and ports into one another, which nobody asks of
// it here; defining them keeps glibc's NSS, and the linker's warning about it, out of the binary.
#include <netdb.h>

#include <cerrno>

extern "C" {

servent* getservbyname(const char* /*name*/, const char* /*protocol*/) { return nullptr; }

int getservbyname_r(const char* /*name*/, const char* /*protocol*/, servent* /*into*/, char* /*buffer*/,
                    size_t /*size*/, servent** result) {
  *result = nullptr;
  return ENOENT;
}

int getservbyport_r(int /*port*/, const char* /*protocol*/, servent* /*into*/, char* /*buffer*/, size_t /*size*/,
                    servent** result) {
  *result = nullptr;
  return ENOENT;
}

}  // extern "C"
