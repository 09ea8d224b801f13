// Goal: what the nodes of a Redis Cluster tell of slots and redirects is read as it is meant, and
// what is none is refused: no slot gets an owner that nobody named. Method: answers as bytes
// through the real parser.
#include <gtest/gtest.h>
#include <map>
#include <string>

#include "redis/slot_table.hpp"
#include "wire/parser.hpp"

namespace leaselock::redis {
namespace {

const std::map<NodeAddress, NodeAddress> as_announced;
const NodeAddress asked{"10.0.0.9", 7000};
const std::string id_a(40, 'a');
const std::string id_b(40, 'b');

wire::RespValue read_reply(const std::string& bytes) {
    wire::Parser parser;
    parser.feed(bytes);
    wire::RespValue reply;
    EXPECT_EQ(parser.next(reply), wire::Parser::Result::reply) << bytes;
    return reply;
}
std::string bulk_of(const std::string& text) {
    return '$' + std::to_string(text.size()) + "\r\n" + text + "\r\n";
}
std::string number_of(int n) { return ':' + std::to_string(n) + "\r\n"; }
template <typename... Elements>
std::string array_of(const Elements&... elements) {
    return '*' + std::to_string(sizeof...(elements)) + "\r\n" + (elements + ... + std::string{});
}
std::string node_of(const std::string& host, int port, const std::string& id) {
    return array_of(bulk_of(host), number_of(port), bulk_of(id), "*0\r\n");
}
std::optional<SlotTable> table_of(const std::string& bytes,
                                  const std::map<NodeAddress, NodeAddress>& at = as_announced) {
    return SlotTable::decode(read_reply(bytes), {asked, at});
}
std::optional<Redirect> redirect_of(std::string_view error) {
    return decode_redirect(error, {asked, as_announced});
}

TEST(ShardMembers, HaveTheirAddressesAndHowTheyAre) {
    const auto named = [](const char* name, const std::string& value) {
        return bulk_of(name) + value;
    };
    const auto member = [&](const std::string& host, int port, const char* role) {
        return "*12\r\n" + named("id", bulk_of(id_a)) + named("port", number_of(port)) +
               named("tls-port", number_of(7)) + named("endpoint", bulk_of(host)) +
               named("role", bulk_of(role)) + named("health", bulk_of("failed"));
    };
    const std::string shard =
        array_of(bulk_of("slots"), array_of(number_of(0), number_of(9)), bulk_of("nodes"),
                 array_of(member("a", 1, "master"), member("", 2, "replica"),
                          member("no host", 3, "replica"), member("b", 0, "replica")));
    const auto members = decode_shards(read_reply(array_of(shard)), "asked");
    ASSERT_EQ(members.size(), 3U) << "one has no address that can be";
    EXPECT_EQ(members[0].addresses, (std::vector<std::string>{"a:1", "a:7"}));
    EXPECT_FALSE(members[0].is_replica);
    EXPECT_EQ(members[0].id, id_a);
    EXPECT_EQ(members[1].addresses, (std::vector<std::string>{"asked:2", "asked:7"}));
    EXPECT_TRUE(members[1].is_replica);
    EXPECT_EQ(members[1].health, "failed");
    EXPECT_EQ(members[2].addresses, (std::vector<std::string>{"b:7"}));
    EXPECT_TRUE(decode_shards(read_reply("-ERR unknown\r\n"), "asked").empty());
}

TEST(SlotTable, HasTheOwnerOfEachSlotThatIsServed) {
    const auto table = table_of(array_of(
        array_of(number_of(0), number_of(99), node_of("a", 1, id_a), node_of("c", 3, id_b)),
        array_of(number_of(100), number_of(100), node_of("b", 2, id_b))));
    ASSERT_TRUE(table);
    EXPECT_EQ(table->owner(0), table->find(NodeAddress{"a", 1}));
    EXPECT_EQ(table->owner(99), table->find(NodeAddress{"a", 1}));
    EXPECT_EQ(table->owner(100), table->find(NodeAddress{"b", 2}));
    EXPECT_EQ(table->owner(101), SlotTable::nowhere);
    EXPECT_EQ(table->unserved(), SlotTable::slots - 101);
    EXPECT_EQ(table->masters().size(), 2U);
    EXPECT_EQ(table->replicas(table->owner(0)), 1U);
    EXPECT_EQ(table->replicas(table->owner(100)), 0U);
    EXPECT_NE(table->find(NodeAddress{"c", 3}), SlotTable::nowhere) << "replicas are members";
}

TEST(SlotTable, KnowsANodeByItsId) {
    const auto table =
        table_of(array_of(array_of(number_of(0), number_of(9), node_of("a", 1, id_a))));
    ASSERT_TRUE(table);
    EXPECT_NE(table->find(ClusterNode{{"a", 1}, id_a}), SlotTable::nowhere);
    EXPECT_EQ(table->find(ClusterNode{{"a", 1}, id_b}), SlotTable::nowhere);
}

TEST(SlotTable, TakesANodeThatDoesNotKnowItsAddressForTheOneThatWasAsked) {
    for (const std::string& host : {std::string{"$-1\r\n"}, bulk_of(""), bulk_of("?")}) {
        const auto table = table_of(array_of(
            array_of(number_of(0), number_of(9), array_of(host, number_of(7000), bulk_of(id_a)))));
        ASSERT_TRUE(table) << host;
        EXPECT_EQ(table->owner(5), table->find(asked));
    }
}

TEST(SlotTable, MapsAnnouncedAddresses) {
    const std::map<NodeAddress, NodeAddress> at{{{"10.1.1.1", 6379}, {"db", 7001}}};
    const auto table = table_of(
        array_of(array_of(number_of(0), number_of(9), node_of("10.1.1.1", 6379, id_a))), at);
    ASSERT_TRUE(table);
    EXPECT_EQ(table->nodes().front().address, (NodeAddress{"db", 7001}));
    const auto redirect = decode_redirect("MOVED 5 10.1.1.1:6379", {asked, at});
    ASSERT_TRUE(redirect);
    EXPECT_EQ(redirect->to, (NodeAddress{"db", 7001}));
}

TEST(SlotTable, RefusesWhatNoClusterSays) {
    const std::string good = node_of("a", 1, id_a);
    for (const std::string& range :
         {array_of(number_of(0), number_of(9)), array_of(number_of(9), number_of(0), good),
          array_of(number_of(-1), number_of(9), good),
          array_of(number_of(0), number_of(16384), good),
          array_of(bulk_of("0"), number_of(9), good),
          array_of(number_of(0), number_of(9), node_of("a b", 1, id_a)),
          array_of(number_of(0), number_of(9), node_of("a", 0, id_a)),
          array_of(number_of(0), number_of(9), node_of("a", 65'536, id_a)),
          array_of(number_of(0), number_of(9), node_of("a", 1, "an id")),
          array_of(number_of(0), number_of(9), number_of(1)), number_of(1)}) {
        EXPECT_FALSE(table_of(array_of(range))) << range;
    }
    EXPECT_FALSE(table_of("*0\r\n")) << "no slot is served";
    EXPECT_FALSE(table_of("+OK\r\n"));
    EXPECT_FALSE(table_of("-ERR no\r\n"));
}

TEST(SlotTable, GetsMembersWithoutSlotsFromShards) {
    auto table = table_of(array_of(array_of(number_of(0), number_of(9), node_of("a", 1, id_a))));
    ASSERT_TRUE(table);
    const std::string member =
        array_of(bulk_of("id"), bulk_of(id_b), bulk_of("port"), number_of(2), bulk_of("tls-port"),
                 number_of(3), bulk_of("endpoint"), bulk_of("b"));
    const std::string shards =
        array_of(array_of(bulk_of("slots"), "*0\r\n", bulk_of("nodes"), array_of(member)));
    SlotTable over_tls = *table;
    table->add_members(read_reply(shards), {asked, as_announced}, false);
    EXPECT_NE(table->find(NodeAddress{"b", 2}), SlotTable::nowhere);
    over_tls.add_members(read_reply(shards), {asked, as_announced}, true);
    EXPECT_NE(over_tls.find(NodeAddress{"b", 3}), SlotTable::nowhere);
    EXPECT_EQ(over_tls.find(NodeAddress{"b", 2}), SlotTable::nowhere);
    table->add_members(read_reply("-ERR unknown subcommand\r\n"), {asked, as_announced}, false);
    EXPECT_EQ(table->nodes().size(), 2U);
}

TEST(Redirects, NameSlotAndAddress) {
    const auto moved = redirect_of("MOVED 3999 127.0.0.1:6381");
    ASSERT_TRUE(moved);
    EXPECT_FALSE(moved->asking);
    EXPECT_EQ(moved->slot, 3999);
    EXPECT_EQ(moved->to, (NodeAddress{"127.0.0.1", 6381}));
    const auto ask = redirect_of("ASK 16383 ::1:6382");
    ASSERT_TRUE(ask);
    EXPECT_TRUE(ask->asking);
    EXPECT_EQ(ask->to, (NodeAddress{"::1", 6382}));
    const auto here = redirect_of("MOVED 1 :6383");
    ASSERT_TRUE(here);
    EXPECT_EQ(here->to, (NodeAddress{"10.0.0.9", 6383}));
}

TEST(Redirects, OfNothingThatCanBeReadAreNone) {
    for (const char* text :
         {"", "MOVED", "MOVED ", "MOVED 1", "MOVED 1 ", "MOVED 1 h", "MOVED 1 h:", "MOVED 1 h:0",
          "MOVED 1 h:65536", "MOVED 16384 h:1", "MOVED -1 h:1", "MOVED x h:1", "MOVED 1 h@x:1",
          "MOVED 1 h/x:1", "ASKING 1 h:1", "moved 1 h:1", "ERR MOVED 1 h:1"}) {
        EXPECT_FALSE(redirect_of(text)) << text;
    }
}

}  // namespace
}  // namespace leaselock::redis
