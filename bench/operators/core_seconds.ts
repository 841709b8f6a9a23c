// Time on one core: the smaller of wall-clock and the process's CPU time, so that neither other processes on the
// machine nor a contestant's own helper threads (garbage collection, compilation) are charged to it.

export function startCoreClock(): () => number {
  const wallFrom = performance.now();
  const cpuFrom = process.cpuUsage();
  return () => {
    const cpu = process.cpuUsage(cpuFrom);
    return Math.min((performance.now() - wallFrom) / 1000, (cpu.user + cpu.system) / 1e6);
  };
}
