#include <fmt/format.h>
#include <string_view>

#include <leaselock/guarantees.hpp>

namespace leaselock {
namespace {

std::string text(bool value) { return value ? "yes" : "no"; }

std::string text(std::chrono::milliseconds value) { return fmt::format("{} ms", value.count()); }

std::string text(Exclusion value) {
    switch (value) {
        case Exclusion::until_failover: return "until_failover";
        case Exclusion::if_replicated: return "if_replicated";
        case Exclusion::always: return "always";
    }
    return fmt::format("{}", static_cast<int>(value));
}

std::string text(Fences value) {
    switch (value) {
        case Fences::counter: return "counter";
        case Fences::clock: return "clock";
        case Fences::log: return "log";
    }
    return fmt::format("{}", static_cast<int>(value));
}

struct Field {
    std::string_view name;
    std::string (*text_of)(const Guarantees&);
    void (*copy)(const Guarantees& from, Guarantees& to);
};

template <auto Member>
constexpr Field field(std::string_view name) {
    return {name, [](const Guarantees& all) { return text(all.*Member); },
            [](const Guarantees& from, Guarantees& to) { to.*Member = from.*Member; }};
}

constexpr Field fields[]{
    field<&Guarantees::exclusion>("exclusion"),
    field<&Guarantees::fences>("fences"),
    field<&Guarantees::notified>("notified"),
    field<&Guarantees::fair>("fair"),
    field<&Guarantees::process_end>("process_end"),
    field<&Guarantees::shares>("shares"),
    field<&Guarantees::latches>("latches"),
    field<&Guarantees::min_hold>("min_hold"),
    field<&Guarantees::list>("list"),
    field<&Guarantees::least_ttl>("least_ttl"),
};

}  // namespace

std::string to_string(const Guarantees& guarantees) {
    std::string all;
    for (const Field& each : fields) {
        if (!all.empty()) all += ", ";
        all += fmt::format("{} = {}", each.name, each.text_of(guarantees));
    }
    return all;
}

namespace detail {

std::string unmet(const Guarantees& promised, const Guarantees& demanded) {
    for (const Field& each : fields) {
        Guarantees one;
        each.copy(demanded, one);
        if (!covers(promised, one)) {
            return fmt::format("{} = {} is required, and {} is promised", each.name,
                               each.text_of(demanded), each.text_of(promised));
        }
    }
    return {};
}

}  // namespace detail

}  // namespace leaselock
