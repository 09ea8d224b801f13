#include "file/record.hpp"

#include <cstdint>
#include <cstring>
#include <memory>
#include <type_traits>

#include <leaselock/error.hpp>

#include "file/failure.hpp"

namespace leaselock::file {
namespace {

using detail::EntryQueue;
using detail::LockEntry;
using detail::ShareHolders;
using detail::Tie;

class Writer {
  public:
    template <class Number>
    requires std::is_arithmetic_v<Number>
    void put(Number number) {
        bytes_.append(reinterpret_cast<const char*>(&number), sizeof number);
    }
    void put(std::string_view text) {
        put(static_cast<std::uint32_t>(text.size()));
        bytes_.append(text);
    }
    void put(Clock::time_point time) { put(time.time_since_epoch().count()); }
    void put(const Tie& tie) {
        put(tie.member);
        put(tie.keep_until);
    }
    void put(Claim claim) {
        put(static_cast<std::uint8_t>(claim.kind()));
        put(claim.count());
        put(claim.of());
    }
    [[nodiscard]] std::string take() { return std::move(bytes_); }

  private:
    std::string bytes_;
};

class Reader {
  public:
    explicit Reader(std::string_view bytes) noexcept : bytes_{bytes} {}

    template <class Number>
    [[nodiscard]] Number number() {
        Number number{};
        std::memcpy(&number, take(sizeof number).data(), sizeof number);
        return number;
    }
    [[nodiscard]] bool flag() { return number<std::uint8_t>() != 0; }
    [[nodiscard]] std::string text() { return std::string(take(number<std::uint32_t>())); }
    [[nodiscard]] Clock::time_point time() {
        return Clock::time_point{Clock::duration{number<Clock::rep>()}};
    }
    [[nodiscard]] std::chrono::milliseconds duration() {
        return std::chrono::milliseconds{number<std::int64_t>()};
    }
    [[nodiscard]] Tie tie() {
        const auto member = number<std::uint64_t>();
        return {member, time()};
    }
    [[nodiscard]] Claim claim() {
        const auto kind = static_cast<Claim::Kind>(number<std::uint8_t>());
        const int count = number<int>();
        const Claim claim = claim_of(kind, count, number<int>());
        if (claim.kind() != kind || !claim.is_valid()) fail();
        return claim;
    }
    void end() const {
        if (!bytes_.empty()) fail();
    }

  private:
    [[nodiscard]] static Claim claim_of(Claim::Kind kind, int count, int of) noexcept {
        switch (kind) {
            case Claim::Kind::reader: return Claim::reader();
            case Claim::Kind::permits: return Claim::permits(count, of);
            case Claim::Kind::count_down: return Claim::count_down(of);
            case Claim::Kind::await: return Claim::await(of);
            case Claim::Kind::exclusive: break;
        }
        return {};
    }
    [[noreturn]] static void fail() {
        throw FileError(Errc::corrupt, "the lock's file cannot be read");
    }
    std::string_view take(std::size_t size) {
        if (size > bytes_.size()) fail();
        const std::string_view taken = bytes_.substr(0, size);
        bytes_.remove_prefix(size);
        return taken;
    }

    std::string_view bytes_;
};

std::unique_ptr<ShareHolders> read_shares(Reader& reader) {
    auto shares = std::make_unique<ShareHolders>(reader.claim());
    for (auto left = reader.number<std::uint32_t>(); left > 0; --left) {
        const std::string token = reader.text();
        const int count = reader.number<int>();
        const Clock::time_point end = reader.time();
        shares->put(token, count, end, reader.tie());
    }
    return shares;
}

std::unique_ptr<EntryQueue> read_queue(Reader& reader) {
    auto queue = std::make_unique<EntryQueue>();
    for (auto left = reader.number<std::uint32_t>(); left > 0; --left) {
        EntryQueue::Entry entry{};
        entry.token = reader.text();
        entry.ttl = reader.duration();
        entry.claim = reader.claim();
        entry.min_hold = reader.duration();
        entry.seen = reader.time();
        entry.end = reader.time();
        entry.member = reader.number<std::uint64_t>();
        queue->add(std::move(entry));
    }
    return queue;
}

void put_shares(Writer& writer, const ShareHolders& shares) {
    writer.put(shares.use());
    writer.put(static_cast<std::uint32_t>(shares.size()));
    shares.for_each([&](std::string_view token, int count, Clock::time_point end, const Tie& tie) {
        writer.put(token);
        writer.put(count);
        writer.put(end);
        writer.put(tie);
    });
}

void put_queue(Writer& writer, const EntryQueue& queue) {
    writer.put(static_cast<std::uint32_t>(queue.size()));
    for (const EntryQueue::Entry& entry : queue.entries()) {
        writer.put(std::string_view{entry.token});
        writer.put(std::int64_t{entry.ttl.count()});
        writer.put(entry.claim);
        writer.put(std::int64_t{entry.min_hold.count()});
        writer.put(entry.seen);
        writer.put(entry.end);
        writer.put(entry.member);
    }
}

}  // namespace

std::string encode(const Record& record) {
    const LockEntry& entry = record.entry;
    Writer writer;
    writer.put(std::string_view{record.key});
    writer.put(std::string_view{entry.token});
    writer.put(entry.expires);
    writer.put(entry.fencing_token);
    writer.put(entry.kept);
    writer.put(entry.tie);
    writer.put(entry.shares != nullptr);
    if (entry.shares != nullptr) put_shares(writer, *entry.shares);
    writer.put(entry.queue != nullptr);
    if (entry.queue != nullptr) put_queue(writer, *entry.queue);
    return writer.take();
}

Record decode(std::string_view bytes) {
    Reader reader{bytes};
    Record record;
    LockEntry& entry = record.entry;
    record.key = reader.text();
    entry.token = reader.text();
    entry.expires = reader.time();
    entry.fencing_token = reader.number<std::uint64_t>();
    entry.kept = reader.flag();
    entry.tie = reader.tie();
    if (reader.flag()) entry.shares = read_shares(reader);
    if (reader.flag()) entry.queue = read_queue(reader);
    reader.end();
    return record;
}

}  // namespace leaselock::file
