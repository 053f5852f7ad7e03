#include "auth/permissions.h"

namespace fairlead::auth {

Result<void> permit(const Principal& who, Operation operation) {
  if (is_permitted(who, operation)) return {};
  const Permission& row = permission_of(operation);
  if (row.who == Who::kDevice) return fail(Code::kForbidden, "{}: only for devices", row.name);
  if (who.kind == Kind::kDevice) return fail(Code::kForbidden, "{}: not for devices", row.name);
  return fail(Code::kForbidden, "{}: needs the scope {}", row.name, name_of(*row.scope));
}

}  // namespace fairlead::auth
