// The kernel's cgroup tree as far as JobCgroups deals with it, on plain files below a temporary folder: groups come
// with files, processes move, and what Linux refuses is refused. What the real one does is tested where there is one.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "jobinit/base/text.hpp"
#include "jobinit/kernel/cgroup_tree.hpp"
#include "support.hpp"

namespace jobinit::test {

class CgroupModel : public kernel::CgroupTree {
 public:
  CgroupModel(std::string top, int version) : top_(std::move(top)), version_(version) {}

  // Called before each change with what is changed and how ("make", "remove" or what is written); not 0: it fails so.
  std::function<int(const std::string& path, std::string_view what)> before;

  // Who is just ending: listed still, and moving him succeeds and does nothing.
  std::set<std::string> ending;

  int make(const std::string& group) override {
    if (const int code = asked(group, "make"); code != 0) {
      return code;
    }
    if (std::filesystem::exists(group)) {
      return EEXIST;
    }
    if (!std::filesystem::exists(parent(group))) {
      return ENOENT;
    }
    write_file(group + "/cgroup.procs", "");
    if (version_ == 1) {
      for (const char* name : {"memory.limit_in_bytes", "memory.memsw.limit_in_bytes", "pids.max"}) {
        write_file(group + "/" + name, "");
      }
      return 0;
    }
    write_file(group + "/cgroup.type", "domain\n");
    write_file(group + "/cgroup.kill", "");
    write_file(group + "/cgroup.subtree_control", "\n");
    give_controllers(group, words(parent(group) + "/cgroup.subtree_control"));
    return 0;
  }

  int remove(const std::string& group) override {
    if (const int code = asked(group, "remove"); code != 0) {
      return code;
    }
    if (!std::filesystem::exists(group)) {
      return ENOENT;
    }
    if (!words(group + "/cgroup.procs").empty() || !children(group).empty()) {
      return EBUSY;
    }
    std::filesystem::remove_all(group);
    return 0;
  }

  int write(const std::string& file, std::string_view text) override {
    if (const int code = asked(file, text); code != 0) {
      return code;
    }
    if (!std::filesystem::exists(file)) {
      return ENOENT;
    }
    if (file.ends_with("/cgroup.procs")) {
      return move(std::string(text), parent(file));
    }
    if (file.ends_with("/cgroup.subtree_control")) {
      return control(parent(file), text.front() == '+', std::string(text.substr(1)));
    }
    write_file(file, std::string(text) + "\n");
    return 0;
  }

  // Somebody comes into being there, or is put there from outside.
  static void add(const std::string& group, const std::string& pid) {
    auto here = words(group + "/cgroup.procs");
    here.push_back(pid);
    put(group + "/cgroup.procs", here, "\n");
  }
  static void end(const std::string& group, const std::string& pid) {
    auto here = words(group + "/cgroup.procs");
    std::erase(here, pid);
    put(group + "/cgroup.procs", here, "\n");
  }

  // Every file there is and what it says, in an order that does not depend on who moved when.
  std::map<std::string, std::vector<std::string>> snapshot() const {
    std::map<std::string, std::vector<std::string>> all;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(top_)) {
      auto content = entry.is_directory() ? std::vector<std::string>() : words(entry.path());
      std::sort(content.begin(), content.end());
      all[entry.path()] = content;
    }
    return all;
  }

  static std::vector<std::string> words(const std::string& file) { return split(content_of(file), " \n"); }

 private:
  int asked(const std::string& path, std::string_view what) { return before ? before(path, what) : 0; }

  static std::string parent(const std::string& path) { return std::filesystem::path(path).parent_path(); }

  static void put(const std::string& file, const std::vector<std::string>& what, std::string_view separator) {
    std::string content;
    for (const std::string& word : what) {
      content += word;
      content += separator;
    }
    if (!content.empty() && !content.ends_with('\n')) {
      content += '\n';
    }
    write_file(file, content);
  }

  static std::vector<std::string> children(const std::string& group) {
    std::vector<std::string> found;
    for (const auto& entry : std::filesystem::directory_iterator(group)) {
      if (entry.is_directory()) {
        found.push_back(entry.path());
      }
    }
    return found;
  }

  // A group has the files of the controllers that the one above passes on.
  static void give_controllers(const std::string& group, const std::vector<std::string>& controllers) {
    static const std::map<std::string, std::vector<std::string>> files{
        {"memory", {"memory.max", "memory.swap.max", "memory.oom.group"}},
        {"cpu", {"cpu.max"}},
        {"pids", {"pids.max"}}};
    put(group + "/cgroup.controllers", controllers, " ");
    for (const auto& [controller, names] : files) {
      const bool has = std::find(controllers.begin(), controllers.end(), controller) != controllers.end();
      for (const std::string& name : names) {
        const std::string path = fmt::format("{}/{}", group, name);
        if (has && !std::filesystem::exists(path)) {
          write_file(path, name == "memory.oom.group" ? "0\n" : "max\n");
        } else if (!has) {
          std::filesystem::remove(path);
        }
      }
    }
  }

  int move(const std::string& pid, const std::string& group) {
    if (version_ == 2 && !words(group + "/cgroup.subtree_control").empty()) {
      return EBUSY;
    }
    for (const auto& entry : std::filesystem::recursive_directory_iterator(top_)) {
      const std::string file = entry.path();
      if (!file.ends_with("/cgroup.procs")) {
        continue;
      }
      const auto here = words(file);
      if (std::find(here.begin(), here.end(), pid) != here.end()) {
        if (ending.contains(pid)) {
          return 0;
        }
        end(parent(file), pid);
        add(group, pid);
        return 0;
      }
    }
    return ESRCH;
  }

  static int control(const std::string& group, bool enable, const std::string& controller) {
    const auto available = words(group + "/cgroup.controllers");
    auto enabled = words(group + "/cgroup.subtree_control");
    if (std::find(available.begin(), available.end(), controller) == available.end()) {
      return ENOENT;
    }
    std::erase(enabled, controller);
    if (enable) {
      if (!words(group + "/cgroup.procs").empty()) {
        return EBUSY;
      }
      enabled.push_back(controller);
    }
    for (const std::string& child : children(group)) {
      const auto passed_on = words(child + "/cgroup.subtree_control");
      if (!enable && std::find(passed_on.begin(), passed_on.end(), controller) != passed_on.end()) {
        return EBUSY;
      }
    }
    put(group + "/cgroup.subtree_control", enabled, " ");
    for (const std::string& child : children(group)) {
      give_controllers(child, enabled);
    }
    return 0;
  }

  std::string top_;
  int version_;
};

}  // namespace jobinit::test
