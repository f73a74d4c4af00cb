# Signet on plain workerd, over the same bundle as wrangler.jsonc. Build it first, and give it its secrets:
#
#   node deploy/cloudflare/build.ts
#   SIGNET_CONFIG="$(cat my-signet.yaml)" … workerd serve deploy/cloudflare/signet.capnp
#
# What stands here as fromEnvironment is null where the environment lacks it. Each other ${NAME} of your
# configuration needs a line among the bindings. Paths are those of the folder that workerd is started from.
using Workerd = import "/workerd/workerd.capnp";
using Bundle = import "dist/workerd/modules.capnp";

const config :Workerd.Config = (
  services = [
    (name = "gateway", worker = .gateway),
    # Where the objects lie. Whoever loses the folder loses the ledger: keep it on a disk, and back it up.
    (name = "objects", disk = (path = "data/objects", writable = true)),
    # Stores and issuers: addresses of private networks and of this machine only as far as they are allowed here.
    (name = "internet", network = (allow = ["public", "private", "local"], tlsOptions = (trustBrowserCas = true))),
  ],
  sockets = [
    (name = "http", address = "127.0.0.1:8080", http = (), service = "gateway"),
    # The admin API: loopback alone.
    (name = "admin", address = "127.0.0.1:9090", http = (), service = (name = "gateway", entrypoint = "admin")),
  ],
);

const gateway :Workerd.Worker = (
  modules = Bundle.modules,
  compatibilityDate = "2026-06-01",
  compatibilityFlags = ["nodejs_compat"],
  bindings = [
    (name = "SIGNET_CONFIG", fromEnvironment = "SIGNET_CONFIG"),
    (name = "SIGNET_TICKET_KEY", fromEnvironment = "SIGNET_TICKET_KEY"),
    (name = "SIGNET_PEPPER", fromEnvironment = "SIGNET_PEPPER"),
    (name = "SIGNET_ADMIN_TOKEN", fromEnvironment = "SIGNET_ADMIN_TOKEN"),
    (name = "STORE_ACCESS_KEY", fromEnvironment = "STORE_ACCESS_KEY"),
    (name = "STORE_SECRET_KEY", fromEnvironment = "STORE_SECRET_KEY"),
    # Name of the header with a client's address, if whatever stands before sets one that no client can.
    (name = "SIGNET_ADDRESS_HEADER", fromEnvironment = "SIGNET_ADDRESS_HEADER"),
    (name = "LEDGER", durableObjectNamespace = "LedgerObject"),
  ],
  durableObjectNamespaces = [(className = "LedgerObject", uniqueKey = "signet-ledger", enableSql = true)],
  durableObjectStorage = (localDisk = "objects"),
);
