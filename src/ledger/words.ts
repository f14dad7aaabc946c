// What the log says when a part of the ledger fails, and when it works again.

/** Part of the ledger → what is said of it. */
export const ledgerWords = {
  spool: {
    trouble: 'the disk of the ledger is full or broken: free some space, or requests will be refused',
    well: 'the disk of the ledger has room again',
  },
  database: {
    trouble: 'the database does not take the ledger; it waits in the spool, and nothing is lost',
    well: 'the database takes the ledger again',
  },
  tidying: {
    trouble: 'old requests are not deleted and sums are not folded; the gateway tries again in a minute',
    well: 'the ledger is tidied again',
  },
  left: {
    trouble:
      'what an earlier process has left of its ledger is not taken over; the gateway tries again every few seconds',
    well: 'what earlier processes have left of their ledger is taken over',
  },
} as const;
