// Writes several pieces to a socket as one.
import type { Socket } from 'node:net';

/** False where as much waits for the other side as may. */
export function writePieces(socket: Socket, pieces: readonly Uint8Array[]): boolean {
  if (pieces.length === 0) return true;
  if (pieces.length === 1) return socket.write(pieces[0] as Uint8Array);
  socket.cork();
  let hasRoom = true;
  for (const piece of pieces) hasRoom = socket.write(piece);
  socket.uncork();
  return hasRoom;
}
