// Goal: LEASELOCK_KEY finds each placeholder's value however the argument is spelled, and turns
// every kind of value into text as documented. Method: keys of one template and a few values
// against the key written out by hand. What must not compile is in tests/compile_fail.
#include <cstdint>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <leaselock/error.hpp>
#include <leaselock/key_macros.hpp>

namespace shop {

struct Address {
    std::string city;
};
LEASELOCK_FIELDS(Address, city);

class User {
  public:
    User(int number, std::string name, Address home)
        : sub(number), address(std::move(home)), name_(std::move(name)) {}

    [[nodiscard]] const std::string& id() const { return name_; }

    int sub;
    Address address;

  private:
    std::string name_;
};
LEASELOCK_FIELDS(User, sub, id, address);

struct Admin : User {
    using User::User;
};

enum class Currency : std::int8_t { euro = 3, none = -1 };
enum class Color { red };

struct Point {
    int x;
    int y;
};

}  // namespace shop

template <>
struct fmt::formatter<shop::Color> : fmt::formatter<std::string_view> {
    auto format(shop::Color, fmt::format_context& context) const {
        return fmt::formatter<std::string_view>::format("red", context);
    }
};
template <>
struct fmt::formatter<shop::Point> {
    constexpr auto parse(fmt::format_parse_context& context) { return context.begin(); }
    auto format(shop::Point point, fmt::format_context& context) const {
        return fmt::format_to(context.out(), "{}-{}", point.x, point.y);
    }
};

namespace {

using leaselock::arg;

template <class Function>
std::string message_of(const Function& function) {
    try {
        static_cast<void>(function());
    } catch (const leaselock::LockError& error) {
        EXPECT_EQ(error.code(), leaselock::Errc::invalid_template);
        return error.what();
    }
    return "nothing was thrown";
}

TEST(KeyMacro, PutsValuesIntoTheTemplate) {
    const int productId = 42;
    struct {
        std::string id = "x";
    } body;
    EXPECT_EQ(LEASELOCK_KEY("stock-{{productId}}-{{body.id}}", productId, body.id), "stock-42-x");
    EXPECT_EQ(LEASELOCK_KEY("stock-{{productId}}-{{body.id}}", body.id, productId), "stock-42-x");
}

TEST(KeyMacro, NeedsNoArgumentsForATemplateWithoutPlaceholders) {
    EXPECT_EQ(LEASELOCK_KEY("nightly"), "nightly");
}

TEST(KeyMacro, TakesAnyConstantTextAsTemplate) {
    static constexpr char kArray[] = "a-{{id}}";
    static constexpr std::string_view kView = "v-{{id}}";
    constexpr const char* kPointer = "p-{{id}}";
    const int id = 1;
    EXPECT_EQ(LEASELOCK_KEY(kArray, id), "a-1");
    EXPECT_EQ(LEASELOCK_KEY(kView, id), "v-1");
    EXPECT_EQ(LEASELOCK_KEY(kPointer, id), "p-1");
    EXPECT_EQ(LEASELOCK_KEY("two "
                            "parts {{id}}",
                            id),
              "two parts 1");
}

TEST(KeyMacro, IgnoresSpacesInAPlaceholder) {
    const int id = 1;
    EXPECT_EQ(LEASELOCK_KEY("a-{{ id }}-{{id }}-{{  id | raw }}", id), "a-1-1-1");
}

TEST(KeyMacro, ReadsMembersCallsAndPointersAsOneName) {
    const auto user = std::make_unique<shop::User>(1, "jo", shop::Address{"Rome"});
    EXPECT_EQ(LEASELOCK_KEY("{{user.id}}", user->id()), "jo");
    const shop::User& jo = *user;
    EXPECT_EQ(LEASELOCK_KEY("{{jo.id}}-{{jo.address.city}}", jo.id(), jo.address.city), "jo-Rome");
}

TEST(KeyMacro, ReadsMembersOfThisByTheirNames) {
    struct Service {
        shop::User user{7, "jo", {"Rome"}};
        int count_ = 3;
        [[nodiscard]] int total() const { return 9; }
        std::string key() {
            return LEASELOCK_KEY("{{user.sub}}:{{user.id}}:{{count_}}:{{total}}", this->user.sub,
                                 user.id(), this->count_, total());
        }
    };
    EXPECT_EQ(Service{}.key(), "7:jo:3:9");
}

TEST(KeyMacro, ReadsADereferencedPointerAsItsName) {
    const auto number = std::make_optional(5);
    EXPECT_EQ(LEASELOCK_KEY("{{number}}", *number), "5");
}

TEST(KeyMacro, ArgNamesAnyExpression) {
    const int a = 1;
    const int b = 2;
    EXPECT_EQ(LEASELOCK_KEY("{{sum}}-{{ text.x }}", arg<"sum">(a + b), arg<"text.x">("y, (z")),
              "3-y, (z");
    const auto named = arg<"sum">(a);
    EXPECT_EQ(LEASELOCK_KEY("{{sum}}", named), "1") << "the name goes with the value";
    EXPECT_EQ(LEASELOCK_KEY("{{sum}}", ::leaselock::arg<"sum">(std::pair<int, int>{4, 5}.second)),
              "5");
}

TEST(KeyMacro, OneArgumentServesSeveralPlaceholders) {
    const int id = 4;
    EXPECT_EQ(LEASELOCK_KEY("{{id}}/{{id}}", id), "4/4");
}

TEST(KeyMacro, EvaluatesEachArgumentOnce) {
    int calls = 0;
    const auto next = [&calls] { return ++calls; };
    EXPECT_EQ(LEASELOCK_KEY("{{next}}-{{next}}", next()), "1-1");
    EXPECT_EQ(calls, 1);
}

TEST(KeyMacro, FindsRegisteredFieldsOfAnArgument) {
    const shop::User user{7, "jo", {"Rome"}};
    EXPECT_EQ(LEASELOCK_KEY("{{user.sub}}:{{user.id}}:{{user.address.city}}", user), "7:jo:Rome");
    EXPECT_EQ(LEASELOCK_KEY("{{u.sub}}", arg<"u">(user)), "7");
    const auto pointer = std::make_unique<shop::User>(user);
    EXPECT_EQ(LEASELOCK_KEY("{{pointer.sub}}", *pointer), "7");
    EXPECT_EQ(LEASELOCK_KEY("{{home.city}}", arg<"home">(shop::Address{"Oslo"})), "Oslo");
}

TEST(KeyMacro, FindsRegisteredFieldsOfABaseClass) {
    const shop::Admin admin{7, "jo", {"Rome"}};
    EXPECT_EQ(LEASELOCK_KEY("{{admin.id}}", admin), "jo");
}

TEST(KeyMacro, AnArgumentsOwnNameWinsOverAField) {
    const shop::User user{7, "jo", {"Rome"}};
    EXPECT_EQ(LEASELOCK_KEY("{{user.sub}}:{{user.id}}", user, arg<"user.sub">(1)), "1:jo");
    const shop::Address other{"Oslo"};
    EXPECT_EQ(LEASELOCK_KEY("{{user.address.city}}:{{user.id}}", user, arg<"user.address">(other)),
              "Oslo:jo")
        << "the longer name wins";
}

TEST(KeyMacro, WritesEveryKindOfString) {
    const std::string text = "s";
    const std::string_view view = "view";
    const char* pointer = "p";
    const char array[] = "array";
    const char full[3] = {'a', 'b', 'c'};
    const char letter = 'x';
    EXPECT_EQ(LEASELOCK_KEY("{{text}}/{{view}}/{{pointer}}/{{array}}/{{full}}/{{letter}}", text,
                            view, pointer, array, full, letter),
              "s/view/p/array/abc/x");
}

TEST(KeyMacro, WritesIntegersOfAllWidths) {
    const std::int8_t tiny = -128;
    const std::uint8_t byte = 65;
    const std::int16_t small = -32768;
    const auto lowest = std::numeric_limits<std::int64_t>::min();
    const auto highest = std::numeric_limits<std::uint64_t>::max();
    EXPECT_EQ(LEASELOCK_KEY("{{tiny}}/{{byte}}/{{small}}/{{lowest}}/{{highest}}", tiny, byte, small,
                            lowest, highest),
              "-128/65/-32768/-9223372036854775808/18446744073709551615");
}

TEST(KeyMacro, WritesAnEnumByItsFormatterElseAsItsNumber) {
    const auto color = shop::Color::red;
    const auto euro = shop::Currency::euro;
    const auto none = shop::Currency::none;
    EXPECT_EQ(LEASELOCK_KEY("{{color}}/{{euro}}/{{none}}", color, euro, none), "red/3/-1");
}

TEST(KeyMacro, WritesWhatFmtCanFormat) {
    const double price = 1.5;
    const bool yes = true;
    const shop::Point point{1, 2};
    EXPECT_EQ(LEASELOCK_KEY("{{price}}/{{yes}}/{{point}}", price, yes, point), "1.5/true/1-2");
}

TEST(KeyMacro, EncodesWhatCouldMoveAHashTagOrEndALine) {
    const std::string value = std::string("a{b}c%d\r\n\x7f\x1f") + '\0' + " e/\xC3\xA9~";
    EXPECT_EQ(LEASELOCK_KEY("{{value}}", value), "a%7Bb%7Dc%25d%0D%0A%7F%1F%00 e/\xC3\xA9~");
}

TEST(KeyMacro, EncodesTheByteThatSeparatesAValueFromTheNext) {
    const std::string a = "1-2";
    const std::string b = "3-4";
    const int minus = -5;
    const shop::Point point{1, 2};
    const std::string umlaut = "\xC3\xA4";
    EXPECT_EQ(LEASELOCK_KEY("{{a}}-{{b}}-", a, b), "1%2D2-3-4-");
    EXPECT_EQ(LEASELOCK_KEY("{{minus}}-{{a}}", minus, a), "%2D5-1-2");
    EXPECT_EQ(LEASELOCK_KEY("{{minus}}5{{a}}", minus, a), "-%3551-2");
    EXPECT_EQ(LEASELOCK_KEY("{{point}}-{{a}}", point, a), "1%2D2-1-2");
    EXPECT_EQ(LEASELOCK_KEY("{{umlaut}}\xC3\xA9{{a}}", umlaut, a),
              "%C3\xA4\xC3\xA9"
              "1-2");
}

TEST(KeyMacro, RawTakesAValueAsItIs) {
    const std::string a = "{1}-%";
    const int b = 2;
    EXPECT_EQ(LEASELOCK_KEY("{{a|raw}}-{{b}}", a, b), "{1}-%-2");
}

TEST(KeyMacro, MakesAHashTag) {
    const std::string user = "j{o}";
    const int cart = 7;
    EXPECT_EQ(LEASELOCK_KEY("{{{user}}}", user), "{j%7Bo%7D}");
    EXPECT_EQ(LEASELOCK_KEY("{{{user}}}:cart:{{cart}}", user, cart), "{j%7Bo%7D}:cart:7");
    EXPECT_EQ(LEASELOCK_KEY("{{{user}}:{{cart}}}", user, cart), "{j%7Bo%7D:7}");
    EXPECT_EQ(LEASELOCK_KEY("{{cart}}{{{user}}}", user, cart), "7{j%7Bo%7D}");
    EXPECT_EQ(LEASELOCK_KEY("{cart-{{cart}}}-x", cart), "{cart-7}-x");
    EXPECT_EQ(LEASELOCK_KEY("{cart}-{{cart}}", cart), "{cart}-7");
}

TEST(KeyMacro, RefusesAnEmptyValueAndNamesThePlaceholder) {
    const std::string name;
    const shop::User user{1, "", {""}};
    EXPECT_NE(message_of([&] { return LEASELOCK_KEY("x-{{name}}", name); }).find("'name'"),
              std::string::npos);
    EXPECT_NE(message_of([&] { return LEASELOCK_KEY("x-{{name|raw}}", name); }).find("'name'"),
              std::string::npos);
    EXPECT_NE(
        message_of([&] { return LEASELOCK_KEY("{{user.address.city}}", user); }).find("'user.addr"),
        std::string::npos);
}

TEST(KeyMacro, RefusesANullPointerAndNamesThePlaceholder) {
    const char* name = nullptr;
    EXPECT_NE(message_of([&] { return LEASELOCK_KEY("x-{{name}}", name); }).find("'name'"),
              std::string::npos);
}

TEST(KeyMacro, TakesKeysLongerThanAnyLock) {
    const std::string name(5000, 'n');
    EXPECT_EQ(LEASELOCK_KEY("{{name}}-{{name}}", name), name + "-" + name);
}

struct Wide {
    int f1 = 1, f2 = 2, f3 = 3, f4 = 4, f5 = 5, f6 = 6, f7 = 7, f8 = 8, f9 = 9, f10 = 10, f11 = 11;
    int f12 = 12, f13 = 13, f14 = 14, f15 = 15, f16 = 16, f17 = 17, f18 = 18, f19 = 19, f20 = 20;
    int f21 = 21, f22 = 22, f23 = 23, f24 = 24, f25 = 25, f26 = 26, f27 = 27, f28 = 28, f29 = 29;
    int f30 = 30, f31 = 31, f32 = 32, f33 = 33, f34 = 34, f35 = 35, f36 = 36, f37 = 37, f38 = 38;
    int f39 = 39, f40 = 40, f41 = 41, f42 = 42, f43 = 43, f44 = 44, f45 = 45, f46 = 46, f47 = 47;
    int f48 = 48, f49 = 49, f50 = 50, f51 = 51, f52 = 52, f53 = 53, f54 = 54, f55 = 55, f56 = 56;
    int f57 = 57, f58 = 58, f59 = 59, f60 = 60, f61 = 61, f62 = 62, f63 = 63, f64 = 64;
};
LEASELOCK_FIELDS(Wide, f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17,
                 f18, f19, f20, f21, f22, f23, f24, f25, f26, f27, f28, f29, f30, f31, f32, f33,
                 f34, f35, f36, f37, f38, f39, f40, f41, f42, f43, f44, f45, f46, f47, f48, f49,
                 f50, f51, f52, f53, f54, f55, f56, f57, f58, f59, f60, f61, f62, f63, f64);

TEST(KeyMacro, ReadsUpToSixtyFourFieldsOfAStruct) {
    const Wide wide;
    EXPECT_EQ(LEASELOCK_KEY("{{wide.f1}}-{{wide.f64}}", wide), "1-64");
}

}  // namespace
