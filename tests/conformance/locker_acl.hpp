// The least-privilege user of docs/guide/redis.md, as locker.acl has it.
#pragma once

#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace leaselock::testing {

inline constexpr const char* locker_password = "a password";

// The one line of the file.
[[nodiscard]] inline std::string locker_acl_line() {
    std::ifstream file{LEASELOCK_LOCKER_ACL};
    std::string line;
    if (!std::getline(file, line)) throw std::runtime_error("locker.acl cannot be read");
    return line;
}

// The words of the command, with a password in place of PASSWORD.
[[nodiscard]] inline std::vector<std::string> locker_acl() {
    std::istringstream text{locker_acl_line()};
    std::vector<std::string> words;
    for (std::string word; text >> word;) {
        words.push_back(word == ">PASSWORD" ? std::string(">") + locker_password : word);
    }
    return words;
}

}  // namespace leaselock::testing
