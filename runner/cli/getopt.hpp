// Options as getopt_long(3) reads them, errors' texts included: what programs that use it have in common. Pure.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace jobinit::cli {

struct OptionForm {
  char letter;
  bool takes_value = false;
  std::string_view name = {};  // empty: none
};

struct Option {
  char letter = '?';  // '?': an error
  std::string value;  // or the error's text, a whole line
};

struct Options {
  std::vector<Option> options;
  std::vector<std::string> operands;
};

// `permute`: options are also looked for behind operands, as GNU programs do unless told otherwise.
Options read_options(const std::string& program, std::span<const std::string> arguments,
                     std::span<const OptionForm> forms, bool permute);

}  // namespace jobinit::cli
