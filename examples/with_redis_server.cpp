// with_redis_server <program> [arguments...]: runs the program beside a redis-server of its own, by
// whose URL each argument `{url}` is replaced, and ends as the program does. For the tests of the
// examples.
#include <iostream>
#include <spawn.h>
#include <string>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include "support/redis_server.hpp"

namespace {

int run(int argc, char** argv) {
    if (argc < 2) {
        std::cerr << "usage: with_redis_server <program> [arguments, {url} among them]\n";
        return 2;
    }
    leaselock::support::RedisServer server;
    std::string url = server.url();
    std::vector<char*> words(argv + 1, argv + argc);
    for (char*& word : words) {
        if (std::string(word) == "{url}") word = url.data();
    }
    words.push_back(nullptr);
    pid_t pid = -1;
    int status = 0;
    if (::posix_spawnp(&pid, words[0], nullptr, nullptr, words.data(), environ) != 0 ||
        ::waitpid(pid, &status, 0) != pid) {
        std::cerr << "with_redis_server: cannot run " << words[0] << '\n';
        return 2;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

}  // namespace

int main(int argc, char** argv) {
    try {
        return run(argc, argv);
    } catch (const std::exception& error) {
        std::cerr << "with_redis_server: " << error.what() << '\n';
        return 2;
    }
}
