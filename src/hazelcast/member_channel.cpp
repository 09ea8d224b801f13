#include "hazelcast/member_channel.hpp"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <new>
#include <unistd.h>
#include <utility>

#include <leaselock/error.hpp>

namespace leaselock::hazelcast {
namespace {

using std::chrono::milliseconds;

// Between two attempts to connect, longer with each that fails.
constexpr milliseconds first_pause{20};
constexpr milliseconds longest_pause{500};
// For the answer to the end of our session.
constexpr milliseconds farewell{250};
// So long an answer that nobody waits for may lie in the socket, for the next caller to read it.
constexpr milliseconds unread_for{20};
// After which a caller that reads looks at the time, and at what is unsent.
constexpr milliseconds longest_read{20};

std::string endpoint_name() {
    std::array<char, 64> host{};
    if (::gethostname(host.data(), host.size() - 1) != 0) host[0] = '\0';
    return fmt::format("leaselock:{}:{}", host.data(), ::getpid());
}

}  // namespace

MemberChannel::MemberChannel(const Settings& settings, std::shared_ptr<Clock> clock)
    : Channel{clock, first_pause, longest_pause},
      settings_{settings},
      client_{settings, endpoint_name()},
      stream_{std::move(clock)} {}

// A session that is not closed keeps what it holds until it expires. The engine reads the answer.
MemberChannel::~MemberChannel() {
    end_connecting();
    bool is_closing = false;
    {
        const detail::MutexLock lock{mutex_};
        try {
            client_.close(clock()->now());
            is_closing = is_open() && !client_.is_closed();
        } catch (const std::bad_alloc&) {
            is_closing = false;
        }
        go_on(false);
    }
    if (is_closing) closed_.wait(farewell);
    leave_engine();
}

void MemberChannel::submit(std::span<Operation* const> operations) noexcept {
    mutex_.lock();
    const Clock::time_point now = clock()->now();
    for (Operation* const operation : operations) {
        try {
            client_.submit(*operation, now);
        } catch (const std::bad_alloc&) {
            operation->fail(Errc::connect_failed, {});  // an empty text needs no memory
        }
    }
    go_on(operations.front()->submitter == Submitter::helps || client_.has_only_posted());
    unlock();
}

bool MemberChannel::help(Operation& operation, Clock::time_point until) noexcept {
    mutex_.lock();
    if (is_reading_ || !is_open() || operation.slot == nullptr) {
        mutex_.unlock();
        return false;
    }
    is_reading_ = true;
    for (Clock::time_point now = clock()->now(); now < until; now = clock()->now()) {
        (void)read(std::min<Clock::duration>(until - now, longest_read));
        tick();
        flush();
        unlock();
        mutex_.lock();
        if (operation.slot == nullptr || !is_open()) break;
    }
    is_reading_ = false;
    go_on(client_.has_only_posted());
    unlock();
    return true;
}

void MemberChannel::cancel(Operation& operation) noexcept {
    mutex_.lock();
    client_.cancel(operation, clock()->now());
    unlock();
}

void MemberChannel::forget(Listener& listener) noexcept {
    const detail::MutexLock lock{mutex_};
    client_.forget(listener);
}

std::uint64_t MemberChannel::reconnects() noexcept {
    const detail::MutexLock lock{mutex_};
    return connections_ > 0 ? connections_ - 1 : 0;
}

void MemberChannel::unlock() noexcept {
    for (;;) {
        Operation* operation = nullptr;
        {
            const std::vector<WakeUp> wakes = client_.take_wakes();
            operation = client_.take_done();
            mutex_.unlock();
        }
        if (operation == nullptr) return;
        operation->complete();
        mutex_.lock();
    }
}

void MemberChannel::attend() noexcept {
    if (is_reading_) return;
    is_reading_ = true;
    while (is_open() && read(Clock::duration::zero()) != wire::Received::timed_out) {
    }
    is_reading_ = false;
    tick();
    if (is_ending() && client_.is_closed()) closed_.set(1);
    go_on(false);
}

void MemberChannel::tick() noexcept {
    try {
        if (!client_.tick(clock()->now()) && is_open()) drop(client_.error(), client_.why());
    } catch (const std::bad_alloc&) {
        if (is_open()) drop(Errc::connection_lost, "no memory");
    }
}

wire::Received MemberChannel::read(Clock::duration left) noexcept {
    wire::Received received{};
    {
        const detail::MutexUnlock unlocked{mutex_};
        received = stream_.read(left);
    }
    if (received == wire::Received::closed) {
        drop(Errc::connection_lost, "the connection broke before the answer");
        return received;
    }
    Message message;
    Assembler::Result result{};
    while (is_open() && (result = stream_.next(message)) == Assembler::Result::message) {
        try {
            if (!client_.received(message, clock()->now())) {
                drop(client_.error(), std::string{client_.why()});
            }
        } catch (const std::bad_alloc&) {
            drop(Errc::connection_lost, "no memory");
        }
    }
    if (result == Assembler::Result::malformed) {
        drop(Errc::protocol_error, "what came cannot be read");
    } else if (is_open() && stream_.has_ended()) {
        drop(Errc::connection_lost, "the member ended its TLS session");
    }
    return received;
}

// What is to be sent is sent, and the engine knows what is to be waited for.
void MemberChannel::go_on(bool lies) noexcept {
    flush();
    if (!is_open() && client_.wants_connection()) connect();
    if (is_reading_) return;
    attend_at(client_.due());
    if (!is_open()) return;
    if (lies && !has_unsent()) return attend_at(clock()->now() + unread_for);
    await();
}

// The one whose connection broke is the last that is tried.
std::vector<MemberAddress> MemberChannel::members() {
    const detail::MutexLock lock{mutex_};
    std::vector<MemberAddress> all = client_.members();
    for (MemberAddress& member : all) {
        for (const auto& [announced, real] : settings_.addresses) {
            if (member == announced) {
                member = real;
                break;
            }
        }
    }
    for (const MemberAddress& member : settings_.members) {
        if (std::find(all.begin(), all.end(), member) == all.end()) all.push_back(member);
    }
    const auto last = std::find(all.begin(), all.end(), member_);
    if (last != all.end()) std::rotate(last, last + 1, all.end());
    return all;
}

// Tries one member after the other.
std::error_code MemberChannel::open(std::string& why) {
    std::error_code error = Errc::connect_failed;
    for (const MemberAddress& member : members()) {
        if (is_ending()) break;
        tried_ = member;
        std::string reason;
        const auto until = detail::saturating_add(clock()->now(), settings_.connect_timeout);
        const std::error_code its =
            greet(stream_, member, settings_, *clock(), until, greeted_, reason);
        // What people have to mend is said before what may mend itself.
        if (!its || error != Family::refused) error = its;
        if (!its) break;
        stream_.close();
        why += (why.empty() ? "" : "; ") + reason;
    }
    return error;
}

void MemberChannel::opened() {
    ++connections_;
    member_ = tried_;
    backoff().succeeded();
    try {
        client_.connected(greeted_.cluster, clock()->now());
    } catch (const std::bad_alloc&) {
        client_.disconnected(Errc::connection_lost, "no memory", clock()->now());
        throw;
    }
}

// Nothing of what waits was sent.
void MemberChannel::refused(Errc error, std::string_view why) noexcept {
    client_.refused(error, why);
}

// The next connection is to another member.
void MemberChannel::drop(Errc error, std::string_view why) noexcept {
    close();
    const bool is_sent = family(error) == Family::unknown;
    client_.disconnected(is_sent ? error : Errc::connection_lost, why, clock()->now());
    if (!is_sent) refuse(error, why);
}

}  // namespace leaselock::hazelcast
