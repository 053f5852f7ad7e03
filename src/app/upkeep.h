#pragma once

#include <string>

#include "app/settings.h"

namespace fairlead::app {

/// `fairlead backup --out FILE`: copies the store, beside a running hub, and says how far it is.
int back_up(const Settings& settings, const std::string& out);

/// `fairlead check`: reads the whole store and prints what is wrong with it.
int check_store_files(const Settings& settings);

}  // namespace fairlead::app
