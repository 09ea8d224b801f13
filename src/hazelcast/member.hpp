// A socket to a member, and the login there.
//
// Thread-safety: that of wire::Stream.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <system_error>

#include <leaselock/clock.hpp>

#include "hazelcast/message.hpp"
#include "hazelcast/options.hpp"
#include "wire/stream.hpp"

namespace leaselock::hazelcast {

class MemberStream final : public wire::Stream {
  public:
    explicit MemberStream(std::shared_ptr<const Clock> clock) noexcept : Stream{std::move(clock)} {}
    ~MemberStream() override = default;

    // Takes the next message out of what was read.
    [[nodiscard]] Assembler::Result next(Message& out) noexcept { return assembler_->next(out); }

  private:
    [[nodiscard]] wire::Sink& begin() override {
        assembler_ = std::make_unique<Assembler>();
        return *assembler_;
    }

    std::unique_ptr<Assembler> assembler_;  // of the connection that is open
};

// What a member has said of itself.
struct Greeted {
    Uuid cluster{};
    std::string version{};
};

// Connects to a member and authenticates us there until `until`, or says why not, in words. May
// throw bad_alloc.
[[nodiscard]] std::error_code greet(MemberStream& stream, const MemberAddress& member,
                                    const Settings& settings, const Clock& clock,
                                    Clock::time_point until, Greeted& greeted, std::string& why);

}  // namespace leaselock::hazelcast
