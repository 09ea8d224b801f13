#include "wire/command.hpp"

#include <utility>

namespace leaselock::wire {

void CommandWriter::grow(std::size_t room) {
    const auto used = static_cast<std::size_t>(at_ - first_);
    std::string larger(longest_line + 2 * (used + room), '\0');
    std::copy_n(first_, used, larger.data() + longest_line);
    far_ = std::move(larger);
    first_ = far_.data() + longest_line;
    at_ = first_ + used;
    end_ = far_.data() + far_.size();
}

void append_command(std::string& out, std::span<const std::string_view> arguments) {
    CommandWriter command;
    for (const std::string_view argument : arguments) command.add(argument);
    command.append_to(out);
}

}  // namespace leaselock::wire
