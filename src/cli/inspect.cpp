#include "cli/inspect.hpp"

#include <algorithm>
#include <chrono>
#include <exception>
#include <fmt/format.h>
#include <string>
#include <vector>

#include <leaselock/backend.hpp>
#include <leaselock/clock.hpp>
#include <leaselock/detail/blocking_call.hpp>
#include <leaselock/error.hpp>
#include <leaselock/finding.hpp>
#include <leaselock/guarantees.hpp>
#include <leaselock/printable.hpp>
#include <leaselock/store_nodes.hpp>

#include "cli/exit_code.hpp"
#include "cli/output.hpp"

namespace leaselock::cli {
namespace {

using std::chrono::milliseconds;

// How often wait polls: a lease may be prolonged, so its end is no reason to sleep for longer.
constexpr milliseconds shortest_pause{10};
constexpr milliseconds longest_pause{250};

// How many there are; 0: it is held as a whole, or by readers.
std::uint64_t slots_of(const LockInfo& info) {
    return info.use == KeyUse::permits ? static_cast<std::uint64_t>(info.of) : 0;
}

// What a token may have of the key: how many of its permits nobody knows but its holder, so it is
// to give back as many as there are.
Claim all_of(const LockInfo& info) {
    switch (info.use) {
        case KeyUse::readers: return Claim::reader();
        case KeyUse::permits: return Claim::permits(info.of, info.of);
        default: return {};
    }
}

// The holder's release, said by somebody else. Whether it held the lock, or shares of it.
bool release_by_token(Store& store, const Options& options, const LockInfo& info) {
    const std::string full_key = store.prefix + options.key;
    Operation operation{{.verb = Verb::release,
                         .key = full_key,
                         .token = options.token,
                         .claim = all_of(info),
                         .submitted = boot_clock()->now()}};
    detail::BlockingCall{operation}.run(*store.backend, *boot_clock());
    if (operation.reply.outcome == Outcome::failed) {
        throw LockError(operation.reply.error,
                        fmt::format("lock '{}': {}", options.key, operation.reply.detail));
    }
    return operation.reply.outcome == Outcome::released;
}

// What could not be asked is a finding, too.
StoreNodes nodes_of(Backend& backend, std::vector<Finding>& findings) {
    try {
        return backend.nodes(findings);
    } catch (const LockError& error) {
        findings.push_back({Finding::Severity::hint, "nodes", error.what(),
                            "what the store consists of is not shown without"});
        return {};
    }
}

struct Diagnosis {
    Guarantees guarantees;
    StoreNodes nodes;
    std::vector<Finding> findings;
    std::exception_ptr failure;  // of the check
};

// The servers are looked at before the check, which writes what replicas then lack for a moment;
// and they are what one wants to see where it fails.
Diagnosis diagnose(Store& store) {
    Diagnosis seen{
        .guarantees = store.locks.guarantees(), .nodes = {}, .findings = {}, .failure = nullptr};
    std::vector<Finding> unseen;
    seen.nodes = nodes_of(*store.backend, unseen);
    try {
        seen.findings = store.locks.check({}, CheckDepth::all);
    } catch (const LockError&) {
        if (seen.nodes.nodes.empty()) throw;
        seen.failure = std::current_exception();
    }
    seen.findings.insert(seen.findings.end(), unseen.begin(), unseen.end());
    return seen;
}

std::string node_text(const StoreNode& node) {
    std::string text = node.role + ' ' + node.address;
    if (!node.master.empty()) text += " of " + node.master;
    if (!node.state.empty()) text += ": " + node.state;
    if (node.lag) text += fmt::format(", {} bytes behind", *node.lag);
    return text;
}

// A block for each finding: they are sentences, and too long for a table.
void print_diagnosis(const std::string& location, const Diagnosis& seen) {
    std::string text = fmt::format("locks are in {}\nit promises: {}\n", printable(location),
                                   to_string(seen.guarantees));
    if (!seen.nodes.topology.empty()) text += fmt::format("it is {}\n", seen.nodes.topology);
    for (const StoreNode& node : seen.nodes.nodes) {
        text += fmt::format("  {}\n", printable(node_text(node)));
    }
    for (const Finding& finding : seen.findings) {
        text += fmt::format("{}: {}\n  {}\n  -> {}\n",
                            finding.severity == Finding::Severity::problem ? "problem" : "hint",
                            finding.subject, finding.found, finding.advice);
    }
    if (seen.findings.empty() && seen.failure == nullptr) text += "all is well\n";
    print_text(text);
}

Record finding_record(const Finding& finding) {
    return {{"severity", finding.severity == Finding::Severity::problem ? "problem" : "hint"},
            {"subject", finding.subject},
            {"found", finding.found},
            {"advice", finding.advice}};
}

Record info_record(const char* subject, const std::string& found) {
    return {{"severity", "info"}, {"subject", subject}, {"found", found}, {"advice", ""}};
}

// A field that JSON alone has is left out where there is nothing to say.
Record node_record(const StoreNode& node, Format format) {
    Record record = info_record("node", node_text(node));
    if (format != Format::json) return record;
    record.push_back({"role", node.role});
    record.push_back({"address", node.address});
    if (!node.master.empty()) record.push_back({"master", node.master});
    if (node.lag) record.push_back({"lag_bytes", *node.lag});
    return record;
}

std::vector<Record> records_of(const Diagnosis& seen, const std::string& directory, Format format) {
    std::vector<Record> records;
    if (!directory.empty())
        records.push_back(info_record("directory", "locks are in " + directory));
    records.push_back(info_record("guarantees", to_string(seen.guarantees)));
    if (!seen.nodes.topology.empty()) {
        records.push_back(info_record("topology", seen.nodes.topology));
    }
    for (const StoreNode& node : seen.nodes.nodes) records.push_back(node_record(node, format));
    for (const Finding& finding : seen.findings) records.push_back(finding_record(finding));
    return records;
}

}  // namespace

Record lock_record(const std::string& key, const LockInfo& info) {
    return {{"key", key},
            {"held", info.held},
            {"owner", info.owner},
            {"remaining_ms", info.remaining},
            {"fencing_token", info.fencing_token},
            {"kept", info.kept},
            {"shares", static_cast<std::uint64_t>(info.taken)},
            {"slots", slots_of(info)},
            {"waiting", static_cast<std::uint64_t>(info.waiting)}};
}

int status(Store& store, const Options& options) {
    const LockInfo info = store.locks.inspect(options.key);
    Record record = lock_record(options.key, info);
    if (!store.directory.empty()) record.push_back({"directory", store.directory});
    print_one(choose_format(options.json), record);
    return info.held ? exit_code::not_acquired : exit_code::done;
}

int list(Store& store, const Options& options) {
    std::vector<Record> records;
    for (const auto& [key, info] : store.locks.list(options.pattern)) {
        records.push_back(lock_record(key, info));
    }
    print_all(choose_format(options.json), records);
    return exit_code::done;
}

int wait(Store& store, const Options& options) {
    const std::shared_ptr<Clock> clock = boot_clock();
    const Clock::time_point end = options.wait ? detail::saturating_add(clock->now(), *options.wait)
                                               : Clock::time_point::max();
    LockInfo info = store.locks.inspect(options.key);
    while (info.held && clock->now() < end) {
        const milliseconds pause = std::clamp(info.remaining, shortest_pause, longest_pause);
        clock->sleep_until(std::min(end, clock->now() + pause), std::stop_token{});
        info = store.locks.inspect(options.key);
    }
    if (options.json) print_one(Format::json, lock_record(options.key, info));
    return info.held ? exit_code::not_acquired : exit_code::done;
}

int release(Store& store, const Options& options) {
    LockInfo held;
    if (options.force) {
        held = store.locks.force_release(options.key);
    } else {
        // The manager looks at the key before the backend gets it.
        held = store.locks.inspect(options.key);
        held.held = release_by_token(store, options, held);
    }
    if (options.json || held.held) {
        print_one(choose_format(options.json), {{"key", options.key},
                                                {"released", held.held},
                                                {"owner", held.held ? held.owner : ""}});
    }
    if (!held.held) {
        complain(fmt::format("nothing to release: '{}' is not held{}", options.key,
                             options.force ? "" : " by this token"));
    }
    return held.held ? exit_code::done : exit_code::not_so;
}

int doctor(Store& store, const Options& options) {
    const Diagnosis seen = diagnose(store);
    const Format format = choose_format(options.json);
    if (format == Format::table) {
        print_diagnosis(location_of(options.store), seen);
    } else {
        print_all(format, records_of(seen, store.directory, format));
    }
    if (seen.failure != nullptr) std::rethrow_exception(seen.failure);
    const bool has_problem = std::any_of(
        seen.findings.begin(), seen.findings.end(),
        [](const Finding& each) { return each.severity == Finding::Severity::problem; });
    return has_problem ? exit_code::not_so : exit_code::done;
}

}  // namespace leaselock::cli
