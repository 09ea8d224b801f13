// The scripts of the version before, as its processes send them. See README.md here.
//
// Thread-safety: one thread at a time.
#pragma once

#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string>

namespace leaselock::versions {

class FormerScripts {
  public:
    // The folder has a file for each script, and those that they include.
    explicit FormerScripts(std::filesystem::path folder) : folder_{std::move(folder)} {}

    // Without comments, as it is embedded.
    [[nodiscard]] const std::string& text(const std::string& name) {
        const auto [at, is_new] = texts_.try_emplace(name);
        if (is_new) add(folder_ / (name + ".lua"), at->second);
        return at->second;
    }

  private:
    void add(const std::filesystem::path& path, std::string& out) const {
        static const std::string include = "-- include ";
        std::ifstream file{path};
        if (!file) throw std::runtime_error("no script " + path.string());
        for (std::string line; std::getline(file, line);) {
            const std::size_t begin = line.find_first_not_of(" \t");
            if (begin == std::string::npos) continue;
            const std::string words = line.substr(begin);
            if (words.starts_with(include)) {
                add(folder_ / words.substr(include.size()), out);
            } else if (!words.starts_with("--")) {
                out += line + "\n";
            }
        }
    }

    std::filesystem::path folder_;
    std::map<std::string, std::string> texts_{};
};

// The names of the side keys of a key without braces: `:ll:` and a letter.
[[nodiscard]] inline std::string former_key(const std::string& key, char letter) {
    return "{" + key + "}:ll:" + letter;
}

}  // namespace leaselock::versions
