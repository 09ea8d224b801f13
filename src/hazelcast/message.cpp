#include "hazelcast/message.hpp"

namespace leaselock::hazelcast {
namespace {

constexpr std::uint64_t fence_limit = std::uint64_t{1} << 53U;
constexpr std::uint8_t serialization_version = 1;
// What we say that we are. Members only log it.
constexpr std::string_view client_type = "CPP";
constexpr std::string_view client_version = "5.4.0";

std::uint32_t number_of(Ask what) noexcept { return static_cast<std::uint32_t>(what); }

Writer& put(Writer& out, const Group& group) {
    out.begin().frame(0).i64(group.seed).i64(group.id);
    return out.text(group.name).end();
}

// Goes through the frames of a message after the first one.
class Walk {
  public:
    explicit Walk(const Message& message) noexcept : message_{message} {}

    [[nodiscard]] bool is_over() const noexcept { return next_ >= message_.size(); }
    // Whether the next frame begins or ends a structure, which was read then.
    [[nodiscard]] bool begins() noexcept { return passes(flag::begin_structure); }
    [[nodiscard]] bool ends() noexcept { return passes(flag::end_structure); }
    // The next frame as plain content; nothing if it is something else.
    [[nodiscard]] std::optional<std::string_view> content() noexcept {
        constexpr std::uint16_t other = flag::begin_structure | flag::end_structure | flag::is_null;
        if (is_over() || message_.at(next_).is(other)) return std::nullopt;
        return message_.at(next_++).content;
    }
    // The same, or an empty text for null.
    [[nodiscard]] std::optional<std::string_view> nullable() noexcept {
        return passes(flag::is_null) ? std::string_view{} : content();
    }
    // Over the rest of the structure that we are in, and its end.
    [[nodiscard]] bool leave() noexcept {
        for (std::size_t depth = 1; depth > 0; ++next_) {
            if (is_over()) return false;
            if (message_.at(next_).is(flag::begin_structure)) ++depth;
            if (message_.at(next_).is(flag::end_structure)) --depth;
        }
        return true;
    }

  private:
    bool passes(std::uint16_t what) noexcept {
        const bool is_next = !is_over() && message_.at(next_).is(what);
        if (is_next) ++next_;
        return is_next;
    }

    const Message& message_;
    std::size_t next_ = 1;
};

// The address of one member, whose structure has just begun; all else of it is passed over.
std::optional<MemberAddress> member_of(Walk& walk) {
    if (!walk.content() || !walk.begins()) return std::nullopt;
    const auto numbers = walk.content();
    const auto host = walk.content();
    if (!numbers || !host || host->empty() || !walk.leave() || !walk.leave()) return std::nullopt;
    const auto port = number_at(*numbers, 0, 4);
    if (!port || *port == 0 || *port > 65'535) return std::nullopt;
    return MemberAddress{std::string{*host}, static_cast<std::uint16_t>(*port)};
}

}  // namespace

void ask_authenticate(std::string& out, std::uint64_t correlation, const Login& login) {
    Writer message{out, number_of(Ask::authenticate), correlation};
    message.uuid(login.client).i8(serialization_version).text(login.cluster);
    if (login.user.empty()) {
        message.null().null();
    } else {
        message.text(login.user).text(login.password);
    }
    message.text(client_type).text(client_version).text(login.name).begin().end().finish();
}

void ask_ping(std::string& out, std::uint64_t correlation) {
    Writer{out, number_of(Ask::ping), correlation}.finish();
}

void ask_watch_cluster(std::string& out, std::uint64_t correlation) {
    Writer{out, number_of(Ask::watch_cluster), correlation}.finish();
}

void ask_group(std::string& out, std::uint64_t correlation, std::string_view group) {
    // The name of any object in the group says which group it is.
    Writer{out, number_of(Ask::create_group), correlation}
        .text("lock@" + std::string{group})
        .finish();
}

void ask_session(std::string& out, std::uint64_t correlation, const Group& group,
                 std::string_view name) {
    Writer message{out, number_of(Ask::create_session), correlation};
    put(message, group).text(name).finish();
}

void ask_about_session(std::string& out, Ask what, std::uint64_t correlation, const Group& group,
                       std::uint64_t session) {
    Writer message{out, number_of(what), correlation};
    put(message.i64(session), group).finish();
}

void ask_try_lock(std::string& out, std::uint64_t correlation, const Group& group,
                  std::string_view lock, const Caller& caller, std::chrono::milliseconds time) {
    Writer message{out, number_of(Ask::try_lock), correlation};
    message.i64(caller.session).i64(caller.thread).uuid(caller.call);
    message.i64(static_cast<std::uint64_t>(time.count()));
    put(message, group).text(lock).finish();
}

void ask_unlock(std::string& out, std::uint64_t correlation, const Group& group,
                std::string_view lock, const Caller& caller) {
    Writer message{out, number_of(Ask::unlock), correlation};
    message.i64(caller.session).i64(caller.thread).uuid(caller.call);
    put(message, group).text(lock).finish();
}

void ask_ownership(std::string& out, std::uint64_t correlation, const Group& group,
                   std::string_view lock) {
    Writer message{out, number_of(Ask::ownership), correlation};
    put(message, group).text(lock).finish();
}

bool answers(const Message& message, Ask what) noexcept {
    return message.type() == number_of(what) + 1 && !message.is_event();
}

bool is_error(const Message& message) noexcept {
    return message.type() == 0 && !message.is_event();
}

// The causes of the first error follow it, and are left out.
std::optional<Error> error_of(const Message& message) {
    Walk walk{message};
    if (!walk.begins() || !walk.begins()) return std::nullopt;
    const auto numbers = walk.content();
    const auto name = walk.content();
    const auto text = walk.nullable();
    if (!numbers || !name || !text || !walk.leave() || !walk.leave()) return std::nullopt;
    const auto code = number_at(*numbers, 0, 4);
    if (!code) return std::nullopt;
    return Error{static_cast<std::int32_t>(static_cast<std::uint32_t>(*code)),
                 std::string{name->substr(name->rfind('.') + 1)}, std::string{*text}};
}

std::optional<Authenticated> authenticated_of(const Message& message) {
    constexpr std::size_t uuid_bytes = 17;
    // status, the member's uuid, a version, how many partitions; then the cluster's uuid
    constexpr std::size_t cluster_at = 1 + uuid_bytes + 1 + 4;
    const auto status = message.fixed(0, 1);
    const auto high = message.fixed(cluster_at + 1, 8);
    const auto low = message.fixed(cluster_at + 9, 8);
    if (!status || *status > 3 || !high || !low) return std::nullopt;
    Authenticated result{static_cast<Authenticated::Status>(*status), {*high, *low}, {}};
    Walk walk{message};
    const bool has_address = walk.begins();
    if (has_address && !walk.leave()) return std::nullopt;
    if (!has_address && !walk.nullable()) return std::nullopt;
    const auto version = walk.nullable();
    if (!version) return std::nullopt;
    result.version = *version;
    return result;
}

std::optional<Group> group_of(const Message& message) {
    Walk walk{message};
    if (!walk.begins()) return std::nullopt;
    const auto numbers = walk.content();
    const auto name = walk.content();
    if (!numbers || !name || name->empty()) return std::nullopt;
    const auto seed = number_at(*numbers, 0, 8);
    const auto id = number_at(*numbers, 8, 8);
    if (!seed || !id) return std::nullopt;
    return Group{std::string{*name}, *seed, *id};
}

std::optional<SessionTerms> session_of(const Message& message) {
    constexpr std::uint64_t longest = 1000ULL * 3600 * 24 * 365;
    const auto session = message.fixed(0, 8);
    const auto ttl = message.fixed(8, 8);
    const auto heartbeat = message.fixed(16, 8);
    if (!session || !ttl || !heartbeat || *ttl == 0 || *ttl > longest || *heartbeat == 0 ||
        *heartbeat > longest) {
        return std::nullopt;
    }
    return SessionTerms{*session, std::chrono::milliseconds{*ttl},
                        std::chrono::milliseconds{*heartbeat}};
}

std::optional<std::uint64_t> fence_of(const Message& message) {
    const auto fence = message.fixed(0, 8);
    if (!fence || *fence >= fence_limit) return std::nullopt;
    return fence;
}

std::optional<bool> still_held_of(const Message& message) {
    const auto held = message.fixed(0, 1);
    if (!held) return std::nullopt;
    return *held != 0;
}

std::optional<Ownership> ownership_of(const Message& message) {
    const auto fence = message.fixed(0, 8);
    const auto count = message.fixed(8, 4);
    const auto session = message.fixed(12, 8);
    const auto thread = message.fixed(20, 8);
    if (!fence || !count || !session || !thread || *fence >= fence_limit) return std::nullopt;
    if (*count > 0 && *fence == 0) return std::nullopt;
    return Ownership{*fence, static_cast<std::uint32_t>(*count), *session, *thread};
}

std::optional<std::vector<MemberAddress>> members_of(const Message& event) {
    if (event.type() != members_event || !event.is_event()) return std::nullopt;
    Walk walk{event};
    std::vector<MemberAddress> members;
    if (!walk.begins()) return std::nullopt;
    while (walk.begins()) {
        auto member = member_of(walk);
        if (!member) return std::nullopt;
        members.push_back(std::move(*member));
    }
    if (!walk.ends()) return std::nullopt;
    return members;
}

}  // namespace leaselock::hazelcast
