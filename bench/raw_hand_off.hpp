// A hand-off by hand, the least that it takes: two scripts with a queue in the order of arrival, a
// fence and a message to the next one, over raw hiredis. The thread that waits reads its
// subscription itself, so nothing but the kernel wakes it. Nothing is renewed, cleaned up or looked
// at once more: a process that dies here holds up all others.
//
// Thread-safety: an object is one thread's.
#pragma once

#include <stdexcept>
#include <string>

#include "raw_redis.hpp"

namespace bench {

class RawHandOff : private Pipeline {
  public:
    explicit RawHandOff(int member) : channel_{"raw-hand-off:" + std::to_string(member)} {
        acquire_ = load(
            "if redis.call('SET',KEYS[1],ARGV[1],'NX','PX',ARGV[2]) then "
            "return redis.call('INCR',KEYS[2]) end "
            "redis.call('RPUSH',KEYS[3],ARGV[1]) redis.call('HSET',KEYS[4],ARGV[1],ARGV[3]) "
            "return 0");
        release_ = load(
            "if redis.call('GET',KEYS[1])~=ARGV[1] then return 0 end "
            "local n=redis.call('LPOP',KEYS[3]) "
            "if not n then return redis.call('DEL',KEYS[1]) end "
            "local f=redis.call('INCR',KEYS[2]) redis.call('SET',KEYS[1],n,'PX',ARGV[2]) "
            "redis.call('PUBLISH',redis.call('HGET',KEYS[4],n),n..'|'..f) "
            "return redis.call('HDEL',KEYS[4],n)");
        subscription_.append({"SUBSCRIBE", channel_});
        (void)subscription_.next();
    }

    // Blocks until the lock is there.
    void lock() {
        token_ = channel_ + "/" + std::to_string(++locks_);
        if (run(acquire_) > 0) return;
        const Answer message = subscription_.next();
        if (message->elements != 3) throw std::runtime_error("no message");
    }
    void unlock() {
        if (run(release_) != 1) throw std::runtime_error("not held");
    }

  private:
    std::string load(const char* script) {
        append({"SCRIPT", "LOAD", script});
        return next()->str;
    }
    long long run(const std::string& script) {
        const std::string key = std::string{prefix} + "raw";
        append({"EVALSHA", script, "4", key, "{" + key + "}:f", "{" + key + "}:q",
                "{" + key + "}:w", token_, "30000", channel_});
        return next()->integer;
    }

    const std::string channel_;
    Pipeline subscription_;
    std::string acquire_;
    std::string release_;
    std::string token_;
    long long locks_ = 0;
};

}  // namespace bench
