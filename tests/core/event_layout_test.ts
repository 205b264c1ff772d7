import { assertEquals } from "@std/assert";
import { PLAIN_EVENT_LAYOUT, rtmGamingEventLayout } from "../../lib/core/event_layout.ts";

Deno.test("PLAIN_EVENT_LAYOUT has the names of the contract", () => {
  assertEquals(PLAIN_EVENT_LAYOUT, {
    typeField: "type",
    startValue: "start",
    endValue: "end",
    deviceField: "deviceId",
    sessionField: "sessionId",
    accountField: "accountId",
    timestampField: "timestamp",
    durationField: "durationSeconds",
  });
});

Deno.test("rtmGamingEventLayout() takes the device of a console from another field", () => {
  const pc = rtmGamingEventLayout("pc_sessions");
  assertEquals(pc, {
    typeField: "eventId",
    startValue: "ApplicationSessionStart",
    endValue: "ApplicationSessionEndBi",
    deviceField: "hostPcId",
    sessionField: "appSessionId",
    accountField: "psnAccountId",
    timestampField: "timestamp",
    durationField: "totalFgTime",
  });
  assertEquals(rtmGamingEventLayout("console_sessions"), { ...pc, deviceField: "openPsid" });
  assertEquals(rtmGamingEventLayout("file"), { ...pc, otherDeviceField: "openPsid" });
});
