// OpenSSL asks the processor what it can do before main() begins, in every process that has it linked in. On a virtual
// machine each CPUID instruction is a trip to the hypervisor, and PID 1 does no TLS. By the linker's --wrap the
// question waits until OpenSSL is initialised (OPENSSL_init_crypto(3)), which asks it again and happens in the deliver
// process.
extern "C" {

void __real_OPENSSL_cpuid_setup();

void __wrap_OPENSSL_cpuid_setup();

}  // extern "C"

namespace {

bool constructors_run = false;

// OpenSSL's call comes from section .init, which is before every constructor.
[[gnu::constructor]] void note_constructors() { constructors_run = true; }

}  // namespace

void __wrap_OPENSSL_cpuid_setup() {
  if (constructors_run) {
    __real_OPENSSL_cpuid_setup();
  }
}
