#include "hazelcast/member_channel.hpp"

#include <algorithm>
#include <array>
#include <fmt/core.h>
#include <new>
#include <unistd.h>
#include <utility>

#include <leaselock/error.hpp>

#include "base/threads.hpp"

namespace leaselock::hazelcast {
namespace {

using std::chrono::milliseconds;

// Between two attempts to connect, longer with each that fails.
constexpr milliseconds first_pause{20};
constexpr milliseconds longest_pause{500};
// For the answer to the end of our session.
constexpr milliseconds farewell{250};

std::string endpoint_name() {
    std::array<char, 64> host{};
    if (::gethostname(host.data(), host.size() - 1) != 0) host[0] = '\0';
    return fmt::format("leaselock:{}:{}", host.data(), ::getpid());
}

}  // namespace

MemberChannel::MemberChannel(const Settings& settings, std::shared_ptr<Clock> clock)
    : settings_{settings},
      clock_{std::move(clock)},
      client_{settings, endpoint_name()},
      stream_{clock_},
      backoff_{first_pause, longest_pause} {}

// A session that is not closed keeps what it holds until it expires. The engine reads the answer.
MemberChannel::~MemberChannel() {
    std::shared_ptr<engine::Engine> engine;
    std::thread connector;
    {
        const detail::MutexLock lock{mutex_};
        is_ending_ = true;
        engine = engine_;
        connector.swap(connector_);
        while (is_connecting_) {
            stream_.interrupt();
            const detail::MutexUnlock unlocked{mutex_};
            connect_over_.wait(milliseconds{1});
        }
    }
    if (connector.joinable()) connector.join();
    if (engine == nullptr) return;
    bool is_closing = false;
    {
        const detail::MutexLock lock{mutex_};
        try {
            client_.close(clock_->now());
            is_closing = is_open_ && !client_.is_closed();
        } catch (const std::bad_alloc&) {
            is_closing = false;
        }
        flush();
        if (is_open_) engine->await(*this, true, !client_.out().empty());
    }
    if (is_closing) closed_.wait(farewell);
    engine->remove(*this);
}

void MemberChannel::submit(std::span<Operation* const> operations) noexcept {
    mutex_.lock();
    const Clock::time_point now = clock_->now();
    for (Operation* const operation : operations) {
        try {
            client_.submit(*operation, now);
        } catch (const std::bad_alloc&) {
            operation->fail(Errc::connect_failed, {});  // an empty text needs no memory
        }
    }
    attend();
    unlock_and_complete();
}

void MemberChannel::cancel(Operation& operation) noexcept {
    mutex_.lock();
    client_.cancel(operation, clock_->now());
    unlock_and_complete();
}

void MemberChannel::forget(Listener& listener) noexcept {
    const detail::MutexLock lock{mutex_};
    client_.forget(listener);
}

std::uint64_t MemberChannel::reconnects() noexcept {
    const detail::MutexLock lock{mutex_};
    return connections_ > 0 ? connections_ - 1 : 0;
}

// Operations and listeners go on when nothing is locked any more.
void MemberChannel::unlock_and_complete() noexcept {
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

void MemberChannel::step(Clock::time_point /*now*/) noexcept {
    mutex_.lock();
    timer_ = Clock::time_point::max();
    is_awaiting_ = false;
    join_connector();
    if (is_open_) read();
    try {
        if (!client_.tick(clock_->now()) && is_open_) drop(client_.error(), client_.why());
    } catch (const std::bad_alloc&) {
        drop(Errc::connection_lost, "no memory");
    }
    if (is_ending_ && client_.is_closed()) closed_.set(1);
    attend();
    unlock_and_complete();
}

void MemberChannel::read() noexcept {
    Message message;
    while (is_open_) {
        wire::Received received{};
        {
            const detail::MutexUnlock unlocked{mutex_};
            received = stream_.read(Clock::duration::zero());
        }
        if (received == wire::Received::closed) {
            return drop(Errc::connection_lost, "the connection broke before the answer");
        }
        Assembler::Result result{};
        while (is_open_ && (result = stream_.next(message)) == Assembler::Result::message) {
            try {
                if (!client_.received(message, clock_->now())) {
                    return drop(client_.error(), std::string{client_.why()});
                }
            } catch (const std::bad_alloc&) {
                return drop(Errc::connection_lost, "no memory");
            }
        }
        if (result == Assembler::Result::malformed) {
            return drop(Errc::protocol_error, "what came cannot be read");
        }
        if (received == wire::Received::timed_out) return;
    }
}

// Does not wait for room: what the socket does not take now, the engine sends.
void MemberChannel::flush() noexcept {
    while (is_open_ && !is_writing_) {
        if (sent_bytes_ == sending_.size()) {
            sending_.clear();
            sent_bytes_ = 0;
            if (client_.out().empty()) return;
            sending_.swap(client_.out());
        }
        is_writing_ = true;
        const std::string_view rest = std::string_view{sending_}.substr(sent_bytes_);
        wire::Sent sent;
        {
            const detail::MutexUnlock unlocked{mutex_};
            sent = stream_.send(rest, Clock::time_point::min());
        }
        sent_bytes_ += sent.bytes;
        is_writing_ = false;
        writer_done_.set(1);
        if (sent.bytes < rest.size()) return;
    }
}

// What is to be sent is sent, and the engine knows what is to be waited for.
void MemberChannel::attend() noexcept {
    flush();
    if (!is_open_ && !is_ending_ && client_.wants_connection()) begin_connect();
    if (engine_ == nullptr) return;
    set_timer(client_.due());
    const bool has_unsent = sent_bytes_ < sending_.size() || !client_.out().empty();
    if (!is_open_ || (is_awaiting_ && !has_unsent)) return;
    engine_->await(*this, true, has_unsent);
    is_awaiting_ = true;
}

// A timer that is early costs a step, which sets it again.
void MemberChannel::set_timer(Clock::time_point when) noexcept {
    if (timer_ <= when) return;
    timer_ = when;
    engine_->ring_at(*this, when, *clock_);
}

void MemberChannel::begin_connect() noexcept {
    if (is_connecting_) return;
    const Clock::time_point now = clock_->now();
    try {
        if (engine_ == nullptr) engine_ = engine::Engine::shared_with(*this);
        if (now < backoff_.next_try()) return set_timer(backoff_.next_try());
        join_connector();
        if (connector_.joinable()) return;  // it ends in a moment, and rings then
        std::vector<MemberAddress> members = client_.members();
        for (const MemberAddress& member : settings_.members) {
            if (std::find(members.begin(), members.end(), member) == members.end()) {
                members.push_back(member);
            }
        }
        // The one whose connection broke is the last that is tried.
        const auto last = std::find(members.begin(), members.end(), member_);
        if (last != members.end()) std::rotate(last, last + 1, members.end());
        connect_over_.take(1);
        is_connecting_ = detail::start_thread(
            connector_, [this, members = std::move(members)] { connect(members); });
        if (!is_connecting_) refuse(Errc::no_thread, "the system gives no thread to connect");
    } catch (const LockError& error) {
        refuse(Errc::no_thread, error.what());
    } catch (const std::bad_alloc&) {
        refuse(Errc::connect_failed, "no memory");
    }
}

// A thread that has ended keeps its stack until it is joined. It needs the mutex no more then.
void MemberChannel::join_connector() noexcept {
    if (std::exchange(connector_ended_, false) && connector_.joinable()) connector_.join();
}

// Tries one member after the other.
void MemberChannel::connect(const std::vector<MemberAddress>& members) noexcept {
    std::error_code error = Errc::connect_failed;
    std::string why;
    Greeted greeted;
    std::size_t tried = 0;
    const auto is_over = [&] {
        const detail::MutexLock lock{mutex_};
        return is_ending_;
    };
    try {
        for (const MemberAddress& member : members) {
            if (is_over()) break;
            ++tried;
            std::string reason;
            const auto until = detail::saturating_add(clock_->now(), settings_.connect_timeout);
            const std::error_code its =
                greet(stream_, member, settings_, *clock_, until, greeted, reason);
            // What people have to mend is said before what may mend itself.
            if (!its || error != Family::refused) error = its;
            if (!its) break;
            stream_.close();
            why += (why.empty() ? "" : "; ") + reason;
        }
    } catch (const std::bad_alloc&) {
        error = Errc::connect_failed;
        why.clear();
    }
    mutex_.lock();
    is_connecting_ = false;
    connect_over_.set(1);
    if (!error) member_ = members[tried - 1];
    try {
        if (!error && !engine_->watch(*this, stream_.fd())) {
            error = Errc::connect_failed;
            why = "the system watches no more descriptors";
        }
        if (!error) connected(greeted);
    } catch (const std::bad_alloc&) {
        error = Errc::connect_failed;
        if (is_open_) drop(Errc::connection_lost, "no memory");
    }
    if (error) {
        stream_.close();
        refuse(static_cast<Errc>(error.value()), why);
    }
    attend();
    unlock_and_complete();
    const detail::MutexLock lock{mutex_};
    connector_ended_ = true;
    engine_->ring(*this);
}

void MemberChannel::connected(const Greeted& greeted) {
    is_open_ = true;
    ++connections_;
    backoff_.succeeded();
    client_.connected(greeted.cluster, clock_->now());
}

// Nothing of what waits was sent.
void MemberChannel::refuse(Errc error, std::string_view why) noexcept {
    backoff_.failed(clock_->now());
    client_.refused(error, why);
}

// The next connection is to another member.
void MemberChannel::drop(Errc error, std::string_view why) noexcept {
    is_open_ = false;
    engine_->unwatch(*this);
    stream_.interrupt();
    while (is_writing_) {
        writer_done_.take(1);
        const detail::MutexUnlock unlocked{mutex_};
        writer_done_.wait(std::chrono::seconds{1});
    }
    stream_.close();
    sending_.clear();
    sent_bytes_ = 0;
    const Family its = family(error);
    const bool is_sent = its == Family::unknown;
    client_.disconnected(is_sent ? error : Errc::connection_lost, why, clock_->now());
    if (!is_sent) refuse(error, why);
}

}  // namespace leaselock::hazelcast
