#pragma once

#include "app/settings.h"

namespace fairlead::app {

/// `fairlead migrate status`: prints each migration and whether it is applied.
int show_migrations(const Settings& settings);

/// `fairlead migrate up`: applies what is missing, or prints it.
int apply_migrations(const Settings& settings, bool is_dry_run);

}  // namespace fairlead::app
