#include "redis/info.hpp"

#include <cstdint>

#include "redis/codec.hpp"

namespace leaselock::redis {
namespace {

using Severity = Finding::Severity;

// The value of a line `name:value`; empty if there is none.
std::string_view field(std::string_view info, std::string_view name) noexcept {
    while (!info.empty()) {
        const std::size_t end = info.find('\n');
        std::string_view line = info.substr(0, end);
        info.remove_prefix(end == std::string_view::npos ? info.size() : end + 1);
        if (!line.starts_with(name) || line.substr(name.size(), 1) != ":") continue;
        line.remove_prefix(name.size() + 1);
        if (line.ends_with('\r')) line.remove_suffix(1);
        return line;
    }
    return {};
}

// The value of `name` in "name=value,name=value".
std::string_view part_of_line(std::string_view list, std::string_view name) noexcept {
    while (!list.empty()) {
        const std::size_t end = list.find(',');
        const std::string_view each = list.substr(0, end);
        list.remove_prefix(end == std::string_view::npos ? list.size() : end + 1);
        if (each.starts_with(name) && each.substr(name.size(), 1) == "=") {
            return each.substr(name.size() + 1);
        }
    }
    return {};
}

std::string address_text(std::string_view host, std::string_view port) {
    const bool is_v6 = host.find(':') != std::string_view::npos;
    return is_v6 ? '[' + quote(host) + "]:" + quote(port) : quote(host) + ':' + quote(port);
}

Replication::Replica decode_replica(std::string_view line, std::int64_t written) {
    Replication::Replica replica{
        .address = address_text(part_of_line(line, "ip"), part_of_line(line, "port")),
        .state = quote(part_of_line(line, "state")),
        .lag = {}};
    const std::int64_t has = whole_number(part_of_line(line, "offset"));
    if (has >= 0 && written >= has) replica.lag = static_cast<std::uint64_t>(written - has);
    return replica;
}

std::string told(std::string_view value) { return value.empty() ? "not told" : quote(value); }

void judge_version(std::string_view info, std::vector<Finding>& findings) {
    constexpr std::int64_t oldest = 7;
    const std::string_view version = field(info, "redis_version");
    if (leading_number(version) >= oldest) return;
    findings.push_back({Severity::problem, "redis_version", told(version),
                        "use a server of version 7.0 or newer"});
}

void judge_role(std::string_view info, std::vector<Finding>& findings) {
    const std::string_view role = field(info, "role");
    if (role == "master") return;
    findings.push_back({Severity::problem, "role", told(role),
                        "give the URL of the master: a replica grants nothing"});
}

// Every lock and every fence has a ttl, so the volatile policies evict them as well.
void judge_eviction(std::string_view info, std::vector<Finding>& findings) {
    const std::string_view policy = field(info, "maxmemory_policy");
    if (policy == "noeviction") return;
    const bool limited = leading_number(field(info, "maxmemory")) > 0;
    findings.push_back(
        {limited ? Severity::problem : Severity::hint, "maxmemory-policy",
         told(policy) + (limited ? ": when memory is full, locks that are held may be "
                                   "evicted"
                                 : ": harmless until maxmemory is set"),
         "set maxmemory-policy noeviction"});
}

// INFO does not tell whether snapshots are configured, only that one was taken.
void judge_persistence(std::string_view info, std::vector<Finding>& findings) {
    if (field(info, "aof_enabled") == "1") return;
    const std::string_view last_took = field(info, "rdb_last_bgsave_time_sec");
    const bool saved = !last_took.empty() && leading_number(last_took) >= 0;
    findings.push_back({saved ? Severity::hint : Severity::problem, "persistence",
                        saved ? "snapshots alone: a crash gives away what was locked since the last"
                              : "no append-only file, and no snapshot since the server's start: a "
                                "restart gives locks away",
                        "set appendonly yes, or fence what the locks protect"});
}

// The field is there if the server asks for replicas at all.
void judge_replicas(std::string_view info, std::vector<Finding>& findings) {
    const std::string_view replicas = field(info, "connected_slaves");
    if (field(info, "role") != "master" || leading_number(replicas) <= 0 ||
        !field(info, "min_slaves_good_slaves").empty()) {
        return;
    }
    findings.push_back({Severity::hint, "min-replicas-to-write",
                        "0, with replicas attached (" + quote(replicas) +
                            "): a master that lost them goes on granting what a new one grants too",
                        "set min-replicas-to-write 1 and min-replicas-max-lag"});
}

void judge_acknowledgement(std::string_view info, int wait_replicas,
                           std::vector<Finding>& findings) {
    const std::string_view replicas = field(info, "connected_slaves");
    if (field(info, "role") != "master" || leading_number(replicas) <= wait_replicas) return;
    findings.push_back({Severity::hint, "wait_replicas",
                        std::to_string(wait_replicas) + ", with replicas attached (" +
                            quote(replicas) +
                            "): one that has not acknowledged a grant may become the master, and "
                            "grant the lock to a second holder",
                        "set wait_replicas to the number of replicas that may be promoted, or "
                        "fence what the locks protect"});
}

}  // namespace

void judge_info(std::string_view info, int wait_replicas, std::vector<Finding>& findings) {
    judge_version(info, findings);
    judge_role(info, findings);
    judge_eviction(info, findings);
    judge_persistence(info, findings);
    judge_replicas(info, findings);
    judge_acknowledgement(info, wait_replicas, findings);
}

Replication decode_replication(std::string_view info) {
    Replication replication{.role = quote(field(info, "role")),
                            .master = {},
                            .is_linked = field(info, "master_link_status") == "up",
                            .replicas = {}};
    if (const std::string_view host = field(info, "master_host"); !host.empty()) {
        replication.master = address_text(host, field(info, "master_port"));
    }
    constexpr int most = 1000;
    const std::int64_t written = whole_number(field(info, "master_repl_offset"));
    for (int i = 0; i < most; ++i) {
        const std::string_view line = field(info, "slave" + std::to_string(i));
        if (line.empty()) break;
        replication.replicas.push_back(decode_replica(line, written));
    }
    return replication;
}

}  // namespace leaselock::redis
