// pm2 start ecosystem.config.cjs, in the folder where oncebox is installed.
module.exports = {
  apps: [
    {
      name: "oncebox",
      script: "./node_modules/oncebox/dist/cli/main.js",
      args: "worker",
      // DATABASE_URL, MOBIZON_API_KEY, SMTP_URL and the like; readable by its owner only. See "Memory" in
      // docs/deploy/README.md for the other one.
      node_args: "--env-file-if-exists=.env --max-semi-space-size=16",
      // Two, so that one sends while the other starts. Each is a process of its own: there is no
      // port that a cluster could share.
      instances: 2,
      exec_mode: "fork",
      // Longer than ONCEBOX_SEND_TIMEOUT (60 seconds) and 10 seconds to let go. pm2's default is 1.6
      // seconds: what is under way is cut off then, and an email that is cut off is unknown.
      kill_timeout: 75_000,
      // A wrong setting is not mended by starting again.
      stop_exit_codes: [2],
      exp_backoff_restart_delay: 200,
    },
    {
      // The HTTP API and the dashboard; leave it out where nobody asks over HTTP.
      name: "oncebox-serve",
      script: "./node_modules/oncebox/dist/cli/main.js",
      args: "serve",
      node_args: "--env-file-if-exists=.env",
      // One: it has the port.
      instances: 1,
      exec_mode: "fork",
      // A request may take 15 seconds to come and 12 to be answered.
      kill_timeout: 30_000,
      stop_exit_codes: [2],
      exp_backoff_restart_delay: 200,
    },
  ],
};
