#include "wire/command.hpp"

#include <hiredis/hiredis.h>
#include <memory>
#include <new>
#include <vector>

namespace leaselock::wire {

void append_command(std::string& out, std::span<const std::string_view> arguments) {
    std::vector<const char*> texts;
    std::vector<std::size_t> lengths;
    texts.reserve(arguments.size());
    lengths.reserve(arguments.size());
    for (const std::string_view argument : arguments) {
        texts.push_back(argument.data());
        lengths.push_back(argument.size());
    }

    char* raw = nullptr;
    const auto length = ::redisFormatCommandArgv(&raw, static_cast<int>(texts.size()), texts.data(),
                                                 lengths.data());
    const std::unique_ptr<char, decltype(&::redisFreeCommand)> owned{raw, &::redisFreeCommand};
    if (length < 0) throw std::bad_alloc();
    out.append(raw, static_cast<std::size_t>(length));
}

}  // namespace leaselock::wire
