#include "orders/input.hpp"

#include <charconv>
#include <fmt/format.h>
#include <fstream>
#include <stdexcept>
#include <string_view>
#include <unordered_map>

namespace orders {
namespace {

// The rows of a CSV file without quoting, each with the given number of fields.
class CsvReader {
  public:
    CsvReader(const std::string& path, std::size_t fields)
        : path_{path}, file_{path}, fields_{fields} {
        if (!file_) fail("cannot be opened");
        if (!next()) fail("has no line of headings");
    }

    [[nodiscard]] bool next() {
        std::string text;
        if (!std::getline(file_, text)) return false;
        ++line_;
        if (!text.empty() && text.back() == '\r') text.pop_back();
        row_.clear();
        for (std::size_t begin = 0; begin <= text.size();) {
            const std::size_t end = std::min(text.find(',', begin), text.size());
            row_.push_back(text.substr(begin, end - begin));
            begin = end + 1;
        }
        if (row_.size() != fields_) fail(fmt::format("does not have {} fields", fields_));
        return true;
    }

    [[nodiscard]] const std::string& text(std::size_t field) const {
        if (row_[field].empty()) fail(fmt::format("has an empty field {}", field + 1));
        return row_[field];
    }

    [[nodiscard]] std::int64_t number(std::size_t field) const {
        const std::string& digits = text(field);
        std::int64_t value = 0;
        const char* const last = digits.data() + digits.size();
        const auto [end, error] = std::from_chars(digits.data(), last, value);
        if (error != std::errc{} || end != last || value < 0 || value > 1'000'000) {
            fail(fmt::format("'{}' is not a number from 0 to 1000000", digits));
        }
        return value;
    }

    [[noreturn]] void fail(const std::string& fault) const {
        const std::string where = line_ == 0 ? path_ : fmt::format("{}:{}", path_, line_);
        throw std::runtime_error(where + ": " + fault);
    }

  private:
    std::string path_;
    std::ifstream file_;
    std::size_t fields_;
    std::size_t line_ = 0;
    std::vector<std::string> row_;
};

}  // namespace

Input read_input(const std::string& orders_file, const std::string& stock_file) {
    Input input;
    std::unordered_map<std::string, std::size_t> record_of;
    for (CsvReader stock{stock_file, 2}; stock.next();) {
        if (!record_of.try_emplace(stock.text(0), input.products.size()).second) {
            stock.fail("lists a product for the second time");
        }
        input.products.push_back({.id = stock.text(0), .stock = stock.number(1)});
    }
    for (CsvReader file{orders_file, 4}; file.next();) {
        const auto found = record_of.find(file.text(2));
        if (found == record_of.end()) file.fail("orders a product that has no stock record");
        input.orders.push_back({.id = file.text(0),
                                .customer = file.text(1),
                                .product = file.text(2),
                                .quantity = file.number(3),
                                .record = found->second});
    }
    return input;
}

}  // namespace orders
