// Writes several pieces to a socket as one.
import type { Socket } from 'node:net';

/** False where as much waits for the other side as may; `onSent` hears when the last byte has left, or cannot. */
export function writePieces(
  socket: Socket,
  pieces: readonly Uint8Array[],
  onSent?: (error?: Error | null) => void,
): boolean {
  const last = pieces.length - 1;
  if (last === 0) return socket.write(pieces[0] as Uint8Array, onSent);
  if (last < 0) {
    if (onSent !== undefined) socket.write('', onSent);
    return true;
  }
  socket.cork();
  let hasRoom = true;
  for (const [i, piece] of pieces.entries()) hasRoom = socket.write(piece, i === last ? onSent : undefined);
  socket.uncork();
  return hasRoom;
}
