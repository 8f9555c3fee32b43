/* The CA bundle as bytes in the read-only part of the binary; CMake says which file. */
  .section .rodata.jobinit_ca_bundle, "a"
  .global jobinit_ca_bundle
  .global jobinit_ca_bundle_end
jobinit_ca_bundle:
  .incbin JOBINIT_CA_BUNDLE
jobinit_ca_bundle_end:
  .byte 0
#if defined(__linux__) && defined(__ELF__)
  .section .note.GNU-stack, "", %progbits
#endif
