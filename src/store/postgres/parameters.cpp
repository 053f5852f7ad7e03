#include "store/postgres/parameters.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

namespace fairlead::store::postgres {
namespace {

template <typename T>
void put_big_endian(std::string& out, T value) {
  auto bytes = std::bit_cast<std::array<char, sizeof(T)>>(value);
  if constexpr (std::endian::native == std::endian::little) std::ranges::reverse(bytes);
  out.append(bytes.data(), bytes.size());
}

/// One dimension, from 1 on (array_recv in PostgreSQL's arrayfuncs.c).
void put_array_header(std::string& out, std::size_t size, bool has_nulls, Type element) {
  put_int32(out, size == 0 ? 0 : 1);
  put_int32(out, has_nulls ? 1 : 0);
  put_int32(out, static_cast<std::int32_t>(element));
  if (size == 0) return;
  put_int32(out, static_cast<std::int32_t>(size));
  put_int32(out, 1);
}

}  // namespace

void put_int16(std::string& out, std::int16_t value) { put_big_endian(out, value); }
void put_int32(std::string& out, std::int32_t value) { put_big_endian(out, value); }
void put_int64(std::string& out, std::int64_t value) { put_big_endian(out, value); }

void put_text(std::string& out, std::string_view text) {
  for (std::size_t nul = text.find('\0'); nul != std::string_view::npos; nul = text.find('\0')) {
    out.append(text.substr(0, nul)).append("\uFFFD");
    text.remove_prefix(nul + 1);
  }
  out.append(text);
}

void Parameters::begin(Type type) {
  types_.push_back(static_cast<std::uint32_t>(type));
  places_.push_back({.begin = bytes_.size()});
}

void Parameters::end() { places_.back().size = bytes_.size() - places_.back().begin; }

void Parameters::add(std::int64_t value) {
  begin(Type::kBigint);
  put_int64(bytes_, value);
  end();
}

void Parameters::add_boolean(bool value) {
  begin(Type::kBoolean);
  bytes_.push_back(value ? '\1' : '\0');
  end();
}

void Parameters::add(std::string_view value) {
  begin(Type::kText);
  put_text(bytes_, value);
  end();
}

void Parameters::add(const std::vector<std::int64_t>& values) {
  begin(Type::kBigints);
  put_array_header(bytes_, values.size(), false, Type::kBigint);
  for (const std::int64_t value : values) {
    put_int32(bytes_, sizeof value);
    put_int64(bytes_, value);
  }
  end();
}

void Parameters::add(const std::vector<std::optional<std::string_view>>& values) {
  const bool has_nulls = std::ranges::any_of(values, [](const auto& value) { return !value; });
  begin(Type::kTexts);
  put_array_header(bytes_, values.size(), has_nulls, Type::kText);
  std::string text;
  for (const auto& value : values) {
    if (!value) {
      put_int32(bytes_, -1);
      continue;
    }
    text.clear();
    put_text(text, *value);
    put_int32(bytes_, static_cast<std::int32_t>(text.size()));
    bytes_ += text;
  }
  end();
}

std::vector<const char*> Parameters::values() const {
  std::vector<const char*> pointers;
  pointers.reserve(places_.size());
  for (const Place& place : places_) {
    pointers.push_back(place.is_null ? nullptr : bytes_.data() + place.begin);
  }
  return pointers;
}

std::vector<int> Parameters::lengths() const {
  std::vector<int> lengths;
  lengths.reserve(places_.size());
  for (const Place& place : places_) lengths.push_back(static_cast<int>(place.size));
  return lengths;
}

std::vector<int> Parameters::formats() const { return std::vector<int>(places_.size(), 1); }

}  // namespace fairlead::store::postgres
