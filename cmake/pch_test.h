// Precompiled for every test.
#pragma once

#include <doctest/doctest.h>

#include "pch_std.h"
