#include "jobinit/logs/format.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "jobinit/base/text.hpp"
#include "jobinit/logs/escape.hpp"
#include "jobinit/logs/framer.hpp"
#include "jobinit/logs/json_line.hpp"
#include "timestamp.hpp"

namespace jobinit::logs {
namespace {

// What is written around a message fits into one step's room, with some left for the message itself.
constexpr std::size_t kMostAround = 2048;
constexpr std::size_t kLongestJob = 200;
constexpr std::string_view kOurStream = "jobinit";

// A short text in memory of its own. What does not fit is a mistake of ours, and left out.
class Short {
 public:
  void clear() { size_ = 0; }
  Short& operator<<(std::string_view text) {
    const std::size_t size = std::min(text.size(), bytes_.size() - size_);
    std::memcpy(bytes_.data() + size_, text.data(), size);
    size_ += size;
    return *this;
  }
  Short& operator<<(std::uint64_t number) {
    std::array<char, 20> digits{};
    std::size_t at = digits.size();
    do {
      digits.at(--at) = static_cast<char>('0' + number % 10);
      number /= 10;
    } while (number > 0);
    return *this << std::string_view(digits.data() + at, digits.size() - at);
  }
  std::string_view view() const { return {bytes_.data(), size_}; }

 private:
  std::array<char, kMostAround / 2> bytes_;
  std::size_t size_ = 0;
};

// A job's name may be anything; what of it is in every line is short, and valid UTF-8.
std::string short_name(std::string_view name) {
  std::string text = valid_utf8(name);
  if (text.size() > kLongestJob) {
    std::size_t size = kLongestJob;
    while (utf8_length(std::string_view(text).substr(size)) == 0) {
      --size;
    }
    text.resize(size);
  }
  return text;
}

std::string json_text(std::string_view text) {
  std::string quoted(text.size() * kLongestEscape, '\0');
  quoted.resize(escape_json_bytewise(text, quoted).made);
  return '"' + quoted + '"';
}

// What stands before and behind a record's message. It is the same for all records of one moment.
struct Around {
  Short before;
  Short behind;
};

// How a record is written: what is around it, and what becomes of its own bytes.
class TextForm {
 public:
  explicit TextForm(const FormatOptions& options)
      : fields_(options.fields), job_(short_name(options.job)), run_id_(options.run_id), colours_(options.colours) {
    std::replace(job_.begin(), job_.end(), '\n', ' ');
  }

  // Writes what is around `record`, which its stream's name and the time go into.
  void surround(const Record& record, std::string_view stream, std::string_view time, Around& around) const {
    Short* into = &around.before;
    for (const LogField field : fields_) {
      if (field == LogField::msg) {
        if (record.part.id != 0) {
          *into << "[split " << record.part.id << ", part " << record.part.number
                << (record.part.last ? ", last] " : "] ");
        }
        into = &around.behind;
        continue;
      }
      if (field == LogField::time && time.empty()) {
        continue;
      }
      *into << (into == &around.behind ? " " : "");
      switch (field) {
        case LogField::time: coloured(*into, "\x1B[2m", time); break;
        case LogField::stream: coloured(*into, stream_colour(stream), stream); break;
        case LogField::job: *into << job_; break;
        case LogField::run_id: *into << run_id_; break;
        case LogField::msg: break;
      }
      *into << (into == &around.before ? " " : "");
    }
    around.behind << "\n";
  }

  std::string_view message(const Record& record) const { return record.text; }
  bool plain(const Record& record) const { return record.part.id == 0; }

  static Escaped write(std::string_view text, std::span<char> room) {
    const std::size_t size = std::min(text.size(), room.size());
    if (size > 0) {
      std::memcpy(room.data(), text.data(), size);
    }
    return {size, size};
  }

 private:
  static std::string_view stream_colour(std::string_view stream) {
    return stream == "stderr" ? "\x1B[33m" : stream == kOurStream ? "\x1B[35m" : "\x1B[36m";
  }
  void coloured(Short& into, std::string_view colour, std::string_view text) const {
    if (colours_) {
      into << colour << text << "\x1B[0m";
    } else {
      into << text;
    }
  }

  std::vector<LogField> fields_;
  std::string job_;
  std::string run_id_;
  bool colours_;
};

class JsonForm {
 public:
  explicit JsonForm(const FormatOptions& options)
      : fields_(options.fields), job_(json_text(short_name(options.job))), run_id_(json_text(options.run_id)) {}

  void surround(const Record& record, std::string_view stream, std::string_view time, Around& around) const {
    Short* into = &around.before;
    std::string_view comma = "";
    *into << "{";
    for (const LogField field : fields_) {
      const auto index = static_cast<std::size_t>(field);
      if ((field == LogField::time && time.empty()) || (object_ && (field == LogField::msg || has(index)))) {
        continue;
      }
      *into << comma << "\"" << kNames.at(index) << "\":";
      comma = ",";
      switch (field) {
        case LogField::time: *into << "\"" << time << "\""; break;
        case LogField::stream: *into << "\"" << stream << "\""; break;
        case LogField::job: *into << job_; break;
        case LogField::run_id: *into << run_id_; break;
        case LogField::msg:
          *into << "\"";
          into = &around.behind;
          *into << "\"";
          break;
      }
    }
    if (object_) {
      *into << (object_->members.empty() ? "" : comma);
      into = &around.behind;
    }
    if (record.part.id != 0) {
      *into << R"(,"partial":true,"partial_id":)" << record.part.id << R"(,"partial_number":)" << record.part.number
            << R"(,"partial_last":)" << (record.part.last ? "true" : "false");
    }
    *into << "}\n";
  }

  // Decides what the record is; the other calls are about the same one.
  std::string_view message(const Record& record) {
    // A part of a line is no object, also where it looks like one.
    object_ = record.part.id == 0 ? parse_json_object(record.text, kNames) : std::nullopt;
    return object_ ? object_->members : record.text;
  }
  bool plain(const Record& record) const { return record.part.id == 0 && !object_; }

  Escaped write(std::string_view text, std::span<char> room) const {
    return object_ ? TextForm::write(text, room) : escape_json(text, room);
  }

 private:
  // In the order of LogField.
  static constexpr std::array<std::string_view, 5> kNames{"time", "stream", "msg", "job", "run_id"};
  bool has(std::size_t index) const { return (object_->names >> index & 1U) != 0; }

  std::vector<LogField> fields_;
  std::string job_;
  std::string run_id_;
  std::optional<JsonObject> object_;
};

template <typename Form>
class Format final : public Encoder {
 public:
  explicit Format(const FormatOptions& options)
      : form_(options), stream_(options.stream), precision_(options.time), framer_(options.longest, options.begins) {}

  Step step(std::span<const char> input, std::span<char> out, const Instant& now, bool last) override {
    Step step;
    for (;;) {
      if (!record_) {
        const Framer::Next next = framer_.next(input.subspan(step.taken), now, last);
        step.taken += next.taken;
        if (!next.record) {
          step.hold_until = next.hold_until;
          return step;
        }
        begin(*next.record);
      }
      const bool untouched = progress_ == Progress::before;
      const std::size_t made = write(out.subspan(step.made));
      if (progress_ == Progress::done) {
        step.made += made;
        record_.reset();
        continue;
      }
      // It does not fit. Rather than to be torn, it comes first next time; but for one that would waste much of the
      // room.
      if (untouched && out.size() - step.made < kLeastRoom) {
        progress_ = Progress::before;
        done_of_message_ = 0;
      } else {
        step.made += made;
      }
      framer_.keep(*record_);
      message_ = form_.message(*record_);
      step.hold_until = now.monotonic;  // it goes on as soon as there is room
      return step;
    }
  }

  std::size_t note(std::string_view text, std::span<char> out, const Instant& now) override {
    if (record_ && progress_ != Progress::before) {
      return 0;  // not into the middle of a record
    }
    const Record record{text.substr(0, kLongestNote), {}, now.wall};
    Around around;
    Form form = form_;
    std::array<char, kLongestTimestamp> time{};
    const std::size_t time_size = write_timestamp(record.at, precision_, time);
    const std::string_view message = form.message(record);
    form.surround(record, kOurStream, {time.data(), time_size}, around);
    if (out.size() < around.before.view().size() + message.size() * kLongestEscape + around.behind.view().size()) {
      return 0;
    }
    std::size_t made = TextForm::write(around.before.view(), out).made;
    made += form.write(message, out.subspan(made)).made;
    return made + TextForm::write(around.behind.view(), out.subspan(made)).made;
  }

 private:
  enum class Progress { before, message, behind, done };
  static constexpr std::size_t kLongestNote = (kLeastRoom - kMostAround) / kLongestEscape - 1;

  void begin(const Record& record) {
    record_ = record;
    message_ = form_.message(record);
    progress_ = Progress::before;
    done_of_message_ = 0;
    if (!time_known_ || record.at != time_at_) {
      time_at_ = record.at;
      time_known_ = true;
      time_size_ = write_timestamp(record.at, precision_, time_);
      plain_known_ = false;
    }
    const std::string_view time(time_.data(), time_size_);
    if (!form_.plain(record)) {
      special_.before.clear();
      special_.behind.clear();
      form_.surround(record, stream_, time, special_);
      around_ = &special_;
      return;
    }
    if (!plain_known_) {
      plain_.before.clear();
      plain_.behind.clear();
      form_.surround(record, stream_, time, plain_);
      plain_known_ = true;
    }
    around_ = &plain_;
  }

  // As much as fits of what is still to be written of the record.
  std::size_t write(std::span<char> out) {
    std::size_t made = 0;
    if (progress_ == Progress::before) {
      const std::string_view before = around_->before.view();
      if (before.size() > out.size()) {
        return 0;
      }
      made = TextForm::write(before, out).made;
      progress_ = Progress::message;
    }
    if (progress_ == Progress::message) {
      const Escaped escaped = form_.write(message_.substr(done_of_message_), out.subspan(made));
      made += escaped.made;
      done_of_message_ += escaped.taken;
      if (done_of_message_ < message_.size()) {
        return made;
      }
      progress_ = Progress::behind;
    }
    const std::string_view behind = around_->behind.view();
    if (behind.size() > out.size() - made) {
      return made;
    }
    made += TextForm::write(behind, out.subspan(made)).made;
    progress_ = Progress::done;
    return made;
  }

  Form form_;
  std::string stream_;
  LogTime precision_;
  Framer framer_;
  std::optional<Record> record_;  // being written
  std::string_view message_;      // of it
  std::size_t done_of_message_ = 0;
  Progress progress_ = Progress::before;
  const Around* around_ = nullptr;
  Around plain_;    // around a whole message, at this moment
  Around special_;  // around this one
  bool plain_known_ = false;
  bool time_known_ = false;
  std::chrono::system_clock::time_point time_at_;
  std::array<char, kLongestTimestamp> time_{};
  std::size_t time_size_ = 0;
};

}  // namespace

std::unique_ptr<Encoder> make_text_format(const FormatOptions& options) {
  return std::make_unique<Format<TextForm>>(options);
}

std::unique_ptr<Encoder> make_json_format(const FormatOptions& options) {
  return std::make_unique<Format<JsonForm>>(options);
}

}  // namespace jobinit::logs
