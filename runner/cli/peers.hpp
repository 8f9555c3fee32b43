// The inits whose place jobinit can take, one file each, and what they share.
#pragma once

#include "jobinit/cli/dropin.hpp"

namespace jobinit::cli {

extern const Peer kTini;
extern const Peer kDumbInit;
extern const Peer kCatatonit;

// A setting as a flag of the peer's, or as what is usual for it (Source::platform).
void give(DropIn& into, Source source, std::string_view where, std::string_view flag, std::vector<std::string> texts);

// What every peer has in common: the run ends with the main process, and whom signals go to.
void give_usual(DropIn& into, const Peer& peer, bool to_group);

// The number that a text begins with, as atoi(3) reads it; 0 where it begins with none.
int leading_number(std::string_view text);

// "No such file or directory".
std::string error_text(int code);

// "Terminated", as strsignal(3) says it.
std::string signal_text(int number);

// The last part of a path.
std::string_view base_name(std::string_view path);

}  // namespace jobinit::cli
