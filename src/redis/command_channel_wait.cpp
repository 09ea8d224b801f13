// Replicas that acknowledge what was written, before anybody believes it.
#include <algorithm>
#include <array>
#include <fmt/format.h>

#include "redis/codec.hpp"
#include "redis/command_channel.hpp"
#include "wire/command.hpp"

namespace leaselock::redis {
namespace {

// What a holder believes in, if the answer is yes.
bool is_believed(const Operation* operation) noexcept {
    return operation != nullptr &&
           (operation->request.verb == Verb::acquire || operation->request.verb == Verb::renew);
}

}  // namespace

std::string CommandChannel::wait_command(const ConnectionSettings& settings) {
    std::string out;
    if (settings.wait_replicas == 0) return out;
    const std::string replicas = std::to_string(settings.wait_replicas);
    const std::string timeout = std::to_string(settings.wait_timeout.count());
    wire::append_command(out, std::array<std::string_view, 3>{"WAIT", replicas, timeout});
    return out;
}

// What is about to be sent, and is not marked as sent yet, is a batch. There is room for the
// command: see write().
void CommandChannel::wait_for_replicas(std::string& out) noexcept {
    if (wait_.empty()) return;
    const auto is_written = [](const Pending& each) { return each.state == State::written; };
    const auto wants = [&](const Pending& each) {
        return is_written(each) && is_believed(each.operation);
    };
    const auto is_sent = [](const Pending& each) { return each.state == State::sent; };
    const auto first = std::find_if(queue_.rbegin(), queue_.rend(), is_sent).base();
    if (std::none_of(first, queue_.end(), wants)) return;
    Pending* last = nullptr;
    for (auto each = first; each != queue_.end(); ++each) {
        if (!is_written(*each)) continue;
        each->is_batched = true;
        last = &*each;
    }
    last->wait_follows = true;
    out.append(wait_);
}

// The answer to the first that had none was read. False: the operation is not to be completed yet.
bool CommandChannel::is_settled() noexcept {
    const Pending& pending = queue_[answered_];
    if (!pending.is_batched) {
        queue_.pop_front();
        return true;
    }
    wait_is_due_ = pending.wait_follows;
    ++answered_;
    return false;
}

// The WAIT came after these on the same connection, so what it counts had all of them.
void CommandChannel::acknowledge(wire::RespView answer) {
    const bool is_number = answer.type() == wire::RespView::Type::integer;
    if (!is_number && !answer.is_error()) return fail(Errc::protocol_error);
    const bool enough = is_number && answer.integer() >= settings_.wait_replicas;
    wait_is_due_ = false;
    for (; answered_ > 0; --answered_) {
        Operation* const operation = queue_.front().operation;
        const bool counts = enough || operation == nullptr ||
                            (operation->reply.outcome != Outcome::granted &&
                             operation->reply.outcome != Outcome::renewed);
        if (!counts) refuse_unacknowledged(*operation, answer);
        queue_.pop_front();
        if (operation != nullptr) complete(*operation);
    }
}

// It was done at the master, so it is to be released; whether a new master has it nobody knows.
void CommandChannel::refuse_unacknowledged(Operation& operation, wire::RespView answer) {
    const Errc error = answer.is_error() ? classify(answer.text()) : Errc::not_replicated;
    std::string why =
        answer.is_error()
            ? quote(answer.text())
            : fmt::format("{} of {} replicas acknowledged it within {} ms", answer.integer(),
                          settings_.wait_replicas, settings_.wait_timeout.count());
    const std::int64_t not_after = operation.reply.not_after;
    operation.reply = {};
    operation.reply.not_after = not_after;
    operation.reply.outcome = Outcome::failed;
    operation.reply.error = error;
    operation.reply.in_part = true;
    operation.reply.detail = settings_.name + ": " + why;
}

}  // namespace leaselock::redis
