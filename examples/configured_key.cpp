// Keys from a configuration file: the template is known at run time only, the rules are the same.
#include <fmt/format.h>
#include <sstream>
#include <string>

#include <leaselock/leaselock.hpp>

int main() {
    std::istringstream configuration{
        "lock.stock = stock-{{warehouse}}/{{product.id}}\n"
        "lock.broken = stock-{{}}\n"};
    leaselock::LockManager locks;
    bool acquired = false;
    bool refused = false;
    for (std::string line; std::getline(configuration, line);) {
        const std::string text = line.substr(line.find(" = ") + 3);
        try {
            const auto key = leaselock::KeyTemplate::parse(text);
            // A '/' in the first value would blur where it ends, so it becomes %2F.
            const std::string name = key.format({{"warehouse", "north/2"}, {"product.id", 42}});
            const auto lock = locks.acquire(name);
            acquired = lock.has_value();
            fmt::print("{}: {}\n", name, acquired ? "acquired" : "held by another");
        } catch (const leaselock::LockError& error) {
            refused = error.code() == leaselock::Errc::invalid_template;
            fmt::print("{}\n", error.what());
        }
    }
    return acquired && refused ? 0 : 1;
}
