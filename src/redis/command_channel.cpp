#include "redis/command_channel.hpp"

#include <algorithm>
#include <cstddef>
#include <fmt/format.h>
#include <new>
#include <utility>

#include "redis/codec.hpp"
#include "redis/hand_off_subscriber.hpp"
#include "redis/slot_table.hpp"

namespace leaselock::redis {
namespace {

// After such a pause a connection is checked before it is used: a server that was restarted, or
// that closes idle clients, has ended it meanwhile.
constexpr std::chrono::milliseconds idle{5};

// Between two connections that are replaced because a right is missing.
constexpr std::chrono::seconds between_logins{1};

constexpr std::string_view node_of_a_cluster =
    "; it is a node of a Redis Cluster, whose URL begins with redis+cluster:// or "
    "rediss+cluster://";

// Without it the node sends the command back to the one that has sent it here.
constexpr std::string_view needs_asking =
    "its slot moves here, and this user has no right to ASKING: give it +asking";

constexpr std::string_view asking_command = "*1\r\n$6\r\nASKING\r\n";

// So many callers that wait are enough for the writer to let others run once before it writes.
constexpr std::size_t crowd = 2;

std::chrono::microseconds since_epoch(Clock::time_point t) noexcept {
    return std::chrono::duration_cast<std::chrono::microseconds>(t.time_since_epoch());
}

}  // namespace

// A caller that waits in help(), on its stack.
class CommandChannel::Sleeper {
  public:
    // Blocks until it is woken (true) or for the time.
    bool wait(std::chrono::nanoseconds time) noexcept { return word_.wait(time) != 0; }
    // The last access to it: it may be gone when this returns.
    void wake() noexcept { word_.set(1); }

    Sleeper* next = nullptr;  // of those that are to be woken

  private:
    detail::Word word_;
};

void CommandChannel::Wakes::add(Sleeper& waiter) noexcept {
    (first_ == nullptr ? first_ : last_->next) = &waiter;
    last_ = &waiter;
}

void CommandChannel::Wakes::wake_all() noexcept {
    while (first_ != nullptr) std::exchange(first_, first_->next)->wake();
}

CommandChannel::CommandChannel(ConnectionSettings settings, std::shared_ptr<Clock> clock,
                               HandOffSubscriber* subscriber)
    : Channel{clock, first_pause, longest_pause},
      settings_{std::move(settings)},
      subscriber_{subscriber},
      connection_{std::move(clock)},
      wait_{wait_command(settings_)} {}

void CommandChannel::submit(std::span<Operation* const> operations, std::uint64_t subscription,
                            bool asking) noexcept {
    // A thread that helps comes next, and needs nobody else.
    const Submitter submitter = operations.front()->submitter;
    mutex_.lock();
    for (Operation* const operation : operations) {
        try {
            append(*operation, subscription, asking);
        } catch (const std::bad_alloc&) {
            operation->fail(Errc::connect_failed, {});  // an empty text needs no memory
        }
    }
    if (!retire_) send();
    // A caller that was refused does not come; but tidy() may have kept others from seeing to
    // theirs.
    const bool comes = submitter == Submitter::helps && !operations.front()->done();
    if (!comes && !driving_) pass_on();
    unlock();
}

void CommandChannel::append(Operation& operation, std::uint64_t subscription, bool asking) {
    const Clock::time_point now = operation.request.submitted;
    tidy(now);
    if (queue_.size() >= settings_.max_in_flight) {
        operation.fail(
            Errc::too_many_in_flight,
            fmt::format("{}: max_in_flight = {}", settings_.name, settings_.max_in_flight));
        return;
    }
    // An answer that nobody reads cannot ask for the script.
    Pending& pending = enqueue(
        {&operation, now + settings_.command_timeout, subscription, operation.request.unread});
    pending.asking = asking;
    last_use_ = now;
    if (!is_open() || retire_) return;
    try {
        write(pending);
    } catch (...) {
        queue_.pop_back();
        throw;
    }
}

CommandChannel::Pending& CommandChannel::enqueue(const Pending& pending) {
    queue_.push_back(pending);
    queue_.back().number = ++last_;
    if (queue_.back().first == 0) queue_.back().first = last_;
    if (pending.operation->submitter == Submitter::goes_on) last_urgent_ = last_;
    return queue_.back();
}

bool CommandChannel::help(Operation& operation, Clock::time_point until) noexcept {
    mutex_.lock();
    while (!operation.done()) {
        if (!is_open()) connect_if_due();
        if (operation.done()) break;
        if (driving_ || !is_open()) {
            const Clock::duration left = until - clock()->now();
            sleep(operation, std::min<Clock::duration>(left, settings_.command_timeout));
            if (operation.done()) return true;
            mutex_.lock();
        } else {
            join_connector();
            drive(until);
            if (operation.done()) break;
            if (!wakes_.empty()) {
                unlock();
                mutex_.lock();
            }
        }
        if (clock()->now() >= until) break;
    }
    if (!driving_) pass_on();
    unlock();
    return true;
}

// Until the caller of the operation is woken, or for the time. A caller whose operation is done by
// then does not need the mutex any more, so it is left unlocked.
void CommandChannel::sleep(Operation& operation, Clock::duration time) noexcept {
    Sleeper self;
    operation.slot = &self;
    ++waiting_;
    mutex_.unlock();
    if (self.wait(time)) return;
    mutex_.lock();
    const bool is_to_be_woken = operation.slot == nullptr;
    if (std::exchange(operation.slot, nullptr) != nullptr) --waiting_;
    mutex_.unlock();
    while (is_to_be_woken && !self.wait(settings_.command_timeout)) {
    }
}

void CommandChannel::cancel(Operation& operation) noexcept {
    const detail::MutexLock lock{mutex_};
    const auto found = std::find_if(queue_.begin(), queue_.end(), [&](const Pending& pending) {
        return pending.operation == &operation;
    });
    if (found == queue_.end()) return;
    if (found->state != State::waiting) {
        found->operation = nullptr;
        finish(operation, Errc::command_timed_out, "no answer until the deadline");
    } else {
        queue_.erase(found);
        finish_unsent(operation);
    }
}

// The server must not run an acquire when its caller has given it up.
std::int64_t CommandChannel::not_after(const Pending& pending) const noexcept {
    const auto limit = std::min(pending.expires, pending.operation->request.deadline);
    return (since_epoch(limit) + server_ahead_).count();
}

std::string_view CommandChannel::message_channel() const noexcept {
    return subscriber_ == nullptr ? std::string_view{} : subscriber_->channel();
}

void CommandChannel::write(Pending& pending) {
    const std::int64_t limit = not_after(pending);
    const std::size_t before = out_.size();
    try {
        if (pending.asking) out_ += asking_command;
        append_request(out_, pending.operation->request, pending.whole_script, limit,
                       message_channel(), pending.form);
        out_.reserve(out_.size() + wait_.size());  // take_output() must not throw
    } catch (...) {
        out_.resize(before);
        throw;
    }
    pending.was_let_in = false;
    pending.operation->reply.not_after = std::max(pending.operation->reply.not_after, limit);
    pending.state = State::written;
}

// Does not wait for room: what the socket does not take now, the driver sends.
void CommandChannel::send() noexcept { flush(waiting_ >= crowd); }

// What was written so far is sent next.
void CommandChannel::take_output(std::string& out) noexcept {
    out.swap(out_);
    wait_for_replicas(out);
    for (auto last = queue_.rbegin(); last != queue_.rend() && last->state != State::sent; ++last) {
        if (last->state == State::written) last->state = State::sent;
    }
}

// An operation stays in the queue until nothing more can throw: the outcome of one that is there
// when memory is out is unknown.
void CommandChannel::settle(wire::RespView answer) {
    if (wait_is_due_) return acknowledge(answer);
    Pending& pending = queue_[answered_];
    if (pending.asking && !std::exchange(pending.was_let_in, true)) {
        pending.is_shut_out = never_ran(answer);
        pending.needs_login = wants_login(answer) && !pending.was_denied;
        return;
    }
    if (pending.operation == nullptr) {
        (void)is_settled();
        return;
    }
    if (wants_script(answer) && !pending.whole_script) {
        send_again(true, pending.form);
        return;
    }
    if (const auto form = next_form(pending.operation->request, pending.form, answer)) {
        send_again(false, *form);
        return;
    }
    const bool is_sent_back = pending.needs_login && is_redirect(answer.text());
    if (is_sent_back || (wants_login(answer) && never_ran(answer) && !pending.was_denied)) {
        queue_again(pending).was_denied = true;
        return;
    }
    Operation& operation = *pending.operation;
    const std::int64_t server_time =
        decode(operation.request, message_channel(), answer, operation.reply, pending.form);
    if (was_overtaken(pending)) return poll_again(pending);
    if (operation.reply.queued && subscriber_ != nullptr) {
        operation.reply.told = subscriber_->lasts(pending.subscription);
        if (!operation.reply.told) subscriber_->listen(*operation.request.listener);
    }
    if (server_time != 0) {
        server_ahead_ = std::chrono::microseconds{server_time} - since_epoch(clock()->now());
    }
    if (operation.reply.outcome == Outcome::failed) {
        retire_ = retire_ || operation.reply.error == Errc::read_only;
        if (pending.is_shut_out && is_redirect(operation.reply.detail)) {
            operation.reply.error = Errc::access_denied;
            operation.reply.detail = needs_asking;
        } else if (!settings_.in_cluster && is_redirect(operation.reply.detail)) {
            operation.reply.detail += node_of_a_cluster;
        }
        operation.reply.detail.insert(0, settings_.name + ": ");
    }
    const bool out_of_step =
        operation.reply.error == Errc::protocol_error && operation.reply.outcome == Outcome::failed;
    if (is_settled()) complete(operation);
    // The answers after it may be those of other commands, too.
    if (out_of_step) fail(Errc::protocol_error);
}

// What was answered just now has to be sent once more.
CommandChannel::Pending& CommandChannel::queue_again(const Pending& pending) {
    Pending& again = enqueue(pending);
    queue_[answered_].operation = nullptr;
    (void)is_settled();
    again.state = State::waiting;
    again.is_batched = again.wait_follows = false;
    return again;
}

// In another way.
void CommandChannel::send_again(bool whole_script, Form form) {
    const Pending before = queue_[answered_];
    Pending& pending = queue_again(before);
    pending.whole_script = whole_script;
    pending.form = form;
    if (pending.operation->request.verb == Verb::release) last_repeat_ = pending.number;
    if (retire_) return;
    write(pending);
    send();
}

// A release of the lock that was to come first was sent once more after this acquire, so what held
// the lock may have been that of the release. It has changed nothing. A release that was submitted
// after it does not count: where one follows the other, the acquire would never be answered.
bool CommandChannel::was_overtaken(const Pending& pending) const noexcept {
    const Operation& operation = *pending.operation;
    if (pending.number > last_repeat_ || operation.request.verb != Verb::acquire ||
        operation.reply.outcome != Outcome::held || operation.reply.queued || retire_) {
        return false;
    }
    const auto next = queue_.begin() + static_cast<std::ptrdiff_t>(answered_ + 1);
    return std::any_of(next, queue_.end(), [&](const Pending& later) {
        return later.first < pending.first && later.operation != nullptr &&
               later.operation->request.verb == Verb::release &&
               later.operation->request.key == operation.request.key;
    });
}

void CommandChannel::poll_again(const Pending& pending) {
    Reply& reply = pending.operation->reply;
    const std::int64_t not_after = reply.not_after;
    reply = {};
    reply.not_after = not_after;
    send_again(pending.whole_script, pending.form);
}

// Our user may have been replaced by another, or have a new password; a new connection asks who we
// are now. If it has no more rights than this one, asking again and again would not help.
bool CommandChannel::wants_login(wire::RespView answer) noexcept {
    if (settings_.ask_credentials == nullptr || !answer.is_error()) return false;
    const Errc error = classify(answer.text());
    if (error != Errc::authentication_failed && error != Errc::access_denied) return false;
    if (retire_) return true;
    const Clock::time_point now = clock()->now();
    if (now < next_login_) return false;
    next_login_ = detail::saturating_add(now, between_logins);
    retire_ = true;
    return true;
}

void CommandChannel::complete(Operation& operation) noexcept {
    take_to_wake(operation);
    operation.complete();  // its owner may destroy it from now on, unless it waits
}

void CommandChannel::take_to_wake(Operation& operation) noexcept {
    auto* const waiter = static_cast<Sleeper*>(std::exchange(operation.slot, nullptr));
    if (waiter == nullptr) return;
    --waiting_;
    wakes_.add(*waiter);
}

void CommandChannel::unlock() noexcept {
    Wakes wakes = std::exchange(wakes_, {});
    mutex_.unlock();
    wakes.wake_all();
}

// The caller whose answer comes next reads for all from now on.
bool CommandChannel::hand_over() noexcept {
    if (waiting_ == 0) return false;
    for (const Pending& pending : queue_) {
        if (pending.operation == nullptr || pending.operation->slot == nullptr) continue;
        take_to_wake(*pending.operation);
        return true;
    }
    return false;
}

void CommandChannel::pass_on() noexcept {
    if (!queue_.empty() && !hand_over()) leave_to_engine();
}

// Before a command goes out: is the connection fit for it? Answers that nobody waits for may lie
// there; what is overdue and has not come by now is not waited for.
void CommandChannel::tidy(Clock::time_point now) noexcept {
    if (!is_open() || driving_ || is_sending()) return;
    const bool was_idle = now - last_use_ >= idle;
    if (!queue_.empty() && (was_idle || now >= queue_.front().expires)) {
        drive(Clock::time_point::min());
    }
    if (is_open() && !is_sending() && queue_.empty() && was_idle && connection_.is_stale()) drop();
}

}  // namespace leaselock::redis
