/**
 * Which objects of a request are the API's own, so that the order of their members means nothing. Whatever is not
 * named here keeps its order: a model may read it (schemas, tool arguments, unknown members).
 */
export interface Shape {
  /** Of an object: its members may stand in any order. */
  readonly free?: true;
  readonly members?: Readonly<Record<string, Shape>>;
  /** Of a list: what each element is. The order of the elements always counts. */
  readonly items?: Shape;
}
