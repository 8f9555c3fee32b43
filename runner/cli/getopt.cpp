#include "getopt.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace jobinit::cli {
namespace {

class Reader {
 public:
  Reader(const std::string& program, std::span<const std::string> arguments, std::span<const OptionForm> forms)
      : program_(program), arguments_(arguments), forms_(forms) {
    has_names_ = std::any_of(forms.begin(), forms.end(), [](const OptionForm& form) { return !form.name.empty(); });
  }

  Options read(bool permute) {
    while (at_ < arguments_.size()) {
      const std::string& argument = arguments_[at_++];
      if (argument == "--") {
        break;
      }
      if (argument.size() < 2 || argument[0] != '-') {
        options_.operands.push_back(argument);
        if (!permute) {
          break;
        }
        continue;
      }
      if (has_names_ && argument[1] == '-') {
        read_name(std::string_view(argument).substr(2));
      } else {
        read_letters(std::string_view(argument).substr(1));
      }
    }
    options_.operands.insert(options_.operands.end(), arguments_.begin() + static_cast<std::ptrdiff_t>(at_),
                             arguments_.end());
    return std::move(options_);
  }

 private:
  void found(const OptionForm& form, std::string value) { options_.options.push_back({form.letter, std::move(value)}); }
  void wrong(std::string text) {
    options_.options.push_back({'?', fmt::format("{}: {}\n", program_, std::move(text))});
  }

  void read_letters(std::string_view letters) {
    while (!letters.empty()) {
      const char letter = letters.front();
      letters.remove_prefix(1);
      const auto form = std::find_if(forms_.begin(), forms_.end(),
                                     [&](const OptionForm& one) { return one.letter == letter && letter != '-'; });
      if (form == forms_.end()) {
        wrong(fmt::format("invalid option -- '{}'", letter));
      } else if (!form->takes_value) {
        found(*form, "");
      } else if (!letters.empty()) {
        found(*form, std::string(letters));
        return;
      } else if (at_ < arguments_.size()) {
        found(*form, arguments_[at_++]);
      } else {
        wrong(fmt::format("option requires an argument -- '{}'", letter));
      }
    }
  }

  // Any beginning of a name that fits one option only will do.
  void read_name(std::string_view text) {
    const std::size_t equals = std::min(text.find('='), text.size());
    const std::string_view name = text.substr(0, equals);
    std::vector<const OptionForm*> fitting;
    for (const OptionForm& form : forms_) {
      if (form.name == name && !name.empty()) {
        fitting = {&form};
        break;
      }
      if (!form.name.empty() && form.name.starts_with(name)) {
        fitting.push_back(&form);
      }
    }
    if (fitting.empty()) {
      wrong(fmt::format("unrecognized option '--{}'", text));
      return;
    }
    if (fitting.size() > 1) {
      std::string possible;
      for (const OptionForm* form : fitting) {
        possible += fmt::format(" '--{}'", form->name);
      }
      wrong(fmt::format("option '--{}' is ambiguous; possibilities:{}", text, possible));
      return;
    }
    const OptionForm& form = *fitting.front();
    if (equals < text.size()) {
      if (form.takes_value) {
        found(form, std::string(text.substr(equals + 1)));
      } else {
        wrong(fmt::format("option '--{}' doesn't allow an argument", form.name));
      }
    } else if (!form.takes_value) {
      found(form, "");
    } else if (at_ < arguments_.size()) {
      found(form, arguments_[at_++]);
    } else {
      wrong(fmt::format("option '--{}' requires an argument", form.name));
    }
  }

  const std::string& program_;
  std::span<const std::string> arguments_;
  std::span<const OptionForm> forms_;
  bool has_names_ = false;
  std::size_t at_ = 0;
  Options options_;
};

}  // namespace

Options read_options(const std::string& program, std::span<const std::string> arguments,
                     std::span<const OptionForm> forms, bool permute) {
  return Reader(program, arguments, forms).read(permute);
}

}  // namespace jobinit::cli
