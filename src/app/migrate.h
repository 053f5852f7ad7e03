#pragma once

#include <string>

namespace fairlead::app {

/// `fairlead migrate status`: prints each migration and whether it is applied.
int show_migrations(const std::string& data_dir);

/// `fairlead migrate up`: applies what is missing.
int apply_migrations(const std::string& data_dir);

}  // namespace fairlead::app
