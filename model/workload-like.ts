/** A workload: a construct of cdk8s-plus or of Tulle, an ApiObject, or a name such as `shop/web`. */
export type WorkloadLike =
  | string
  | {
      readonly name: string;
      readonly kind?: string;
      readonly metadata?: { readonly namespace?: string | undefined };
      readonly mesh?: { readonly namespace?: string | undefined };
    };
