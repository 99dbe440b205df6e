/**
 * Origin of an event that was sent again after it had been refused: this, and the origin of its reject. It is the mark that
 * the reject was sent again, written with the event itself, so that neither can be there without the other.
 */
export const REDRIVE_ORIGIN = 'redrive:'
