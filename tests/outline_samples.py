"""Small programs, in many languages, that define things within one another."""

TYPESCRIPT = """import { b } from './b';
export interface I {
  m(): void;
}
export class A<T> {
  private x = 1;
  m(): void {
    return;
  }
}
export type U = 'a';
enum E {
  One,
}
export const f = (x: number) => {
  return x;
};
namespace N {
  function g() {
  }
}
"""
TSX = """import React from 'react';
export function View(props: P) {
  const go = () => {
    return 1;
  };
  return <div>{go()}</div>;
}
"""
CPP = """#include <vector>
#include "a.hpp"
namespace n {
class A : public B {
 public:
  int m() const {
    return 1;
  }
};
template <typename T>
T *A::run(T x) {
  return x;
}
enum class E { One };
struct S {
  int x;
};
}
"""
GO = """package a

import (
\t"fmt"
\tx "github.com/x/proj/internal/store"
)

type S struct {
\tn int
}

type I interface {
\tM()
}

func (s *S) M() {
\tfmt.Println()
}

func F() {
}
"""
RUST = """use crate::b::C;
mod inner {
    pub struct S {
        x: i32,
    }
    impl S {
        fn m(&self) {
        }
    }
}
pub trait T {
    fn t(&self);
}
macro_rules! mac {
    () => {};
}
fn f() {
}
"""
JAVA = """package a.b;
import java.util.List;
@Deprecated
public class A {
    interface I {
        void m();
    }
    A() {
    }
    int f() {
        return 1;
    }
    enum E { ONE }
}
record R(int x) {
}
"""
CSHARP = """using System.Text;
namespace N.M
{
    public class A
    {
        public int P { get; set; }
        public void F()
        {
        }
        struct S
        {
        }
    }
    interface I
    {
    }
}
"""
RUBY = """require 'set'
require_relative 'b/c'
module M
  class A < B
    def m
      1
    end
    def self.s
    end
  end
end
"""
SWIFT = """import Foundation
class A: B {
    func m() {
    }
    struct S {
    }
}
protocol P {
}
extension A {
    func e() {
    }
}
"""
SCALA = """import a.b.{C, D}
object O {
  def f(x: Int) = {
    x
  }
  case class K(y: Int)
}
trait T {
}
"""
LUA = """local x = require('x.y')
local function f()
end
function M.g()
  return 1
end
"""
PHP = """<?php
use A\\B\\C;
class D {
  function m() {
  }
}
interface I {
}
trait T {
}
function f() {
}
"""
